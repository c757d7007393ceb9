//! Canaries: secrets that are planted in wallets must not sing anywhere else.
//!
//! Phrases, seeds, private keys and passwords are looked for in everything that the commands print at the finest log
//! level, in every file that they write except the keyfiles themselves, and in a panic's report.

use std::path::Path;
use std::process::Command;

use sn3_chain::wallet::{Password, PasswordSource};
use sn3_chain::{ColdkeyPair, HotkeyPair, KeySource, Wallet};

use super::support::{Machine, Ran, SUBNET, chain, files, finish};

const COLD_PHRASE: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const HOT_SEED: &str = "0x5ca1ab1e0ddba115c0ffee00facade00deadbeef12345678900dc0de0badf00d";
const PASSWORD: &str = "canary-pässword-7f3a";
const WRONG_PASSWORD: &str = "wrong-canary-91bd";
/// So many words of a phrase in a row give too much of it away.
const WORDS_IN_A_ROW: usize = 3;
const CHILD: &str = "SN3_CANARY_CHILD";

/// Every text that must not appear.
fn secrets() -> Vec<String> {
    let words: Vec<&str> = COLD_PHRASE.split(' ').collect();
    let mut all: Vec<String> = words.windows(WORDS_IN_A_ROW).map(|some| some.join(" ")).collect();
    all.extend([HOT_SEED[2..].to_owned(), HOT_SEED[2..].to_uppercase()]);
    all.extend([PASSWORD.to_owned(), WRONG_PASSWORD.to_owned()]);
    for keyfile in ["coldkey", "hotkey"] {
        let machine = Machine::new();
        let secret = if keyfile == "coldkey" { COLD_PHRASE } else { HOT_SEED };
        let source = KeySource::parse(secret).unwrap();
        let wallet = Wallet::create(machine.dir.path(), "w", &source, None).unwrap();
        let text = std::fs::read_to_string(wallet.dir().join("coldkey")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for field in ["secretSeed", "privateKey"] {
            let hex = json[field].as_str().unwrap().trim_start_matches("0x").to_owned();
            all.extend([hex[..32].to_owned(), hex]);
        }
    }
    all
}

/// What a machine has run so far.
struct Watched {
    machine: Machine,
    secrets: Vec<String>,
    runs: usize,
}

impl Watched {
    fn new() -> Self {
        Self { machine: Machine::new(), secrets: secrets(), runs: 0 }
    }

    fn run(&mut self, args: &[&str]) -> Ran {
        let mut command = self.machine.command(args);
        self.watch(&mut command, args)
    }

    fn watch(&mut self, command: &mut Command, args: &[&str]) -> Ran {
        let ran = finish(command.env("SN3_LOG", "trace").env("RUST_BACKTRACE", "full"));
        self.silent(&format!("stdout of {args:?}"), &ran.stdout);
        self.silent(&format!("stderr of {args:?}"), &ran.stderr);
        self.runs += 1;
        ran
    }

    fn silent(&self, place: &str, text: &str) {
        for secret in &self.secrets {
            assert!(!text.contains(secret.as_str()), "{place} sings {secret:?}");
        }
    }

    /// Every file but the keyfiles, as text and as bytes.
    fn silent_files(&self) -> usize {
        let keyfile = |path: &Path| {
            let parent = path.parent().and_then(Path::file_name).unwrap_or_default();
            path.file_name().unwrap() == "coldkey" || parent == "hotkeys"
        };
        let mut looked = 0;
        for path in files(self.machine.dir.path()) {
            let public = path.to_string_lossy().ends_with("pub.txt");
            if keyfile(&path) && !public {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            for secret in &self.secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} holds {secret:?}", path.display());
            }
            looked += 1;
        }
        looked
    }
}

/// Where the planted secrets lie: outside the machine whose files are searched.
struct Planted {
    dir: tempfile::TempDir,
}

impl Planted {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let damaged = COLD_PHRASE.replace("sausage", "sausages");
        let shuffled = format!("{} winner", &COLD_PHRASE[..COLD_PHRASE.len() - 7]);
        for (name, text) in [
            ("cold", COLD_PHRASE),
            ("hot", HOT_SEED),
            ("password", PASSWORD),
            ("wrong", WRONG_PASSWORD),
            ("damaged", &damaged),
            ("shuffled", &shuffled),
            ("cut", &HOT_SEED[..60]),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_sings() {
    let devnet = chain(SUBNET).await;
    let (mut watched, planted) = (Watched::new(), Planted::new());
    let (cold, hot, password, wrong) =
        (planted.path("cold"), planted.path("hot"), planted.path("password"), planted.path("wrong"));
    let endpoint = devnet.ws_url().to_owned();
    let regen = ["wallet", "regen", "--wallet", "c", "--from", &cold, "--password-file", &password];
    assert_eq!(watched.run(&regen).code, 0);
    assert_eq!(watched.run(&["wallet", "regen", "--wallet", "c", "--key", "hotkey", "--from", &hot]).code, 0);
    let shown = watched.run(&["wallet", "show", "--wallet", "c", "--json"]);
    let coldkey = super::support::event(&shown.stdout, "wallet").unwrap()["coldkey"].clone();
    let coldkey = coldkey.as_str().unwrap().to_owned();
    watched.machine.dev_wallet("Alice");
    let fund = ["transfer", &coldkey, "100", "--wallet", "Alice", "--yes", "--endpoint", &endpoint];
    assert_eq!(watched.run(&fund).code, 0);

    let on = ["--wallet", "c", "--endpoint", endpoint.as_str()];
    let pay = [&on[..], &["--yes", "--password-file", &password]].concat();
    let good: Vec<Vec<&str>> = vec![
        vec!["wallet", "list"],
        vec!["wallet", "sign", "--wallet", "c", "--message", "m"],
        vec![
            "wallet",
            "sign",
            "--wallet",
            "c",
            "--key",
            "coldkey",
            "--message",
            "m",
            "--password-file",
            &password,
        ],
        [&["wallet", "balance"], &on[..]].concat(),
        [&["register", "--dry-run"], &on[..]].concat(),
        [
            &["transfer", "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty", "1", "--export", "a.json"],
            &on[..],
        ]
        .concat(),
        vec![
            "tx",
            "sign",
            "a.json",
            "--out",
            "b.json",
            "--wallet",
            "c",
            "--yes",
            "--password-file",
            &password,
        ],
        vec!["tx", "submit", "b.json", "--endpoint", &endpoint],
        [&["register", "--json"], &pay[..]].concat(),
        [&["stake", "add", "2"], &pay[..]].concat(),
        [&["weights", "set", "4=1"], &on[..]].concat(),
        [&["weights", "status"], &on[..]].concat(),
        vec!["weights", "history", "--json"],
        [&["metagraph"], &on[2..]].concat(),
    ];
    for args in &good {
        let ran = watched.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.stdout, ran.stderr);
    }
    errors(&mut watched, &planted, &wrong, &on);
    assert!(watched.runs > 25, "{} commands were watched", watched.runs);
    let looked = watched.silent_files();
    assert!(looked >= 4, "only {looked} files were searched");
}

/// Commands that fail, some of them with the secret in their hands.
fn errors(watched: &mut Watched, planted: &Planted, wrong: &str, on: &[&str]) {
    for name in ["damaged", "shuffled", "cut", "password"] {
        let from = planted.path(name);
        let args = ["wallet", "regen", "--wallet", "x", "--insecure-no-password", "--from", &from];
        assert_ne!(watched.run(&args).code, 0, "{name}");
    }
    let cold = planted.path("cold");
    let again = ["wallet", "regen", "--wallet", "c", "--insecure-no-password", "--from", &cold];
    assert_eq!(watched.run(&again).code, 5);
    let sign = ["wallet", "sign", "--wallet", "c", "--key", "coldkey", "--message", "m"];
    assert_eq!(watched.run(&[&sign[..], &["--password-file", wrong]].concat()).code, 5);
    assert_eq!(watched.run(&sign).code, 5);
    for (name, value) in
        [("BT_WALLET_PASSWORD", WRONG_PASSWORD), ("BT_WALLET_PASSWORD_FILE", "/no/such/file")]
    {
        let mut command = watched.machine.command(&sign);
        command.env(name, value);
        assert_eq!(watched.watch(&mut command, &sign).code, 5, "{name}");
    }
    let keyfile = watched.machine.path(".bittensor/wallets/c/coldkey");
    let variable = sn3_chain::wallet::password_variable(&keyfile);
    let mut command = watched.machine.command(&sign);
    command.env(variable, PASSWORD);
    assert_eq!(watched.watch(&mut command, &sign).code, 5, "a password that is not masked");
    assert_eq!(
        watched
            .run(&[&["transfer", "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty", "90000"], on].concat())
            .code,
        7
    );
    watched.run(&[&["doctor"], on].concat());
    starved(watched, planted);
}

/// Too little memory for the key derivation: an error or an abort, and in neither case a secret.
fn starved(watched: &mut Watched, planted: &Planted) {
    let (binary, password) = (env!("CARGO_BIN_EXE_sn3"), planted.path("password"));
    let script = format!(
        "ulimit -v 400000; exec {binary} wallet sign --wallet c --key coldkey --message m --password-file {password}"
    );
    let mut command = watched.machine.command(&[]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script])
        .env_clear()
        .env("HOME", watched.machine.dir.path())
        .env("PATH", "/usr/bin:/bin");
    std::mem::swap(&mut command, &mut shell);
    assert_ne!(watched.watch(&mut command, &["starved"]).code, 0);
}

/// The process of the next test: panics with everything secret in its message.
#[test]
fn a_child_that_panics() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (cold, hot) = (KeySource::parse(COLD_PHRASE).unwrap(), KeySource::parse(HOT_SEED).unwrap());
    let wallet = Wallet::create(dir.path(), "w", &cold, None).unwrap();
    let password = Password::new(PASSWORD.to_owned());
    let pairs = (ColdkeyPair::new(&cold), HotkeyPair::new(&hot));
    let source = PasswordSource::Environment;
    let found = std::panic::catch_unwind(|| wallet.coldkey(Some(password.as_str())).unwrap());
    panic!("{wallet:?} {cold:?} {hot:?} {password:?} {pairs:?} {source:?} {found:?}");
}

#[test]
fn a_panic_does_not_sing() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "canary::a_child_that_panics", "--nocapture"]);
    let ran = finish(command.env(CHILD, "1").env("RUST_BACKTRACE", "full"));
    assert!(ran.code != 0 && ran.stderr.contains("panicked"), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("secret)"), "{}", ran.stderr);
    for secret in secrets() {
        assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret), "a panic sings {secret:?}");
    }
}
