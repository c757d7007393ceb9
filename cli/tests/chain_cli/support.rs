//! A machine of its own for each test: an empty home, and the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use sn3_devnet::{Devnet, DevnetConfig, Scaffold, Sealing};

/// What a run left.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A home with nothing in it.
pub struct Machine {
    pub dir: tempfile::TempDir,
}

impl Machine {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary with these arguments, in this home and without the developer's environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sn3"));
        command.args(args).current_dir(self.dir.path()).env("HOME", self.dir.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().into_owned();
            if ["SN3_", "BT_", "XDG_", "AWS_"].iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command
    }

    pub fn sn3(&self, args: &[&str]) -> Ran {
        finish(&mut self.command(args))
    }

    /// Runs it and expects success.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.sn3(args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.stdout, ran.stderr);
        ran
    }

    /// Runs it with `--json` and returns the data of the last event of a kind.
    pub fn json(&self, args: &[&str], kind: &str) -> Value {
        event(&self.ok(&[args, &["--json"]].concat()).stdout, kind)
            .unwrap_or_else(|| panic!("{args:?} prints no {kind}"))
    }

    /// Expects a failure of a class, whose one line names something.
    pub fn fails(&self, args: &[&str], code: i32, named: &str) {
        let ran = self.sn3(args);
        assert_eq!(ran.code, code, "{args:?}: {}{}", ran.stdout, ran.stderr);
        let errors: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error")).collect();
        assert_eq!(errors.len(), 1, "{args:?}: {}", ran.stderr);
        assert!(errors[0].contains(named), "{args:?} does not name {named:?}: {}", errors[0]);
        assert!(!ran.stderr.contains("panicked"), "{args:?}: {}", ran.stderr);
    }

    /// A wallet of a development key, unencrypted: coldkey `//NAME`, hotkey `//NAMEHot`.
    pub fn dev_wallet(&self, name: &str) {
        let (cold, hot) = (format!("//{name}"), format!("//{name}Hot"));
        for (key, uri) in [("coldkey", cold), ("hotkey", hot)] {
            let from = self.write("uri", &uri);
            let from = from.to_str().unwrap();
            let mut args = vec!["wallet", "regen", "--wallet", name, "--key", key, "--from", from];
            if key == "coldkey" {
                args.push("--insecure-no-password");
            }
            self.ok(&args);
        }
        std::fs::remove_file(self.path("uri")).unwrap();
    }
}

pub fn finish(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The data of the last event of a kind.
pub fn event(stdout: &str, kind: &str) -> Option<Value> {
    let parse = |line: &str| -> Value {
        serde_json::from_str(line).unwrap_or_else(|_| panic!("stdout has a line that is no JSON: {line}"))
    };
    let lines: Vec<Value> = stdout.lines().map(parse).collect();
    lines.iter().rev().find(|line| line["event"] == kind).map(|line| line["data"].clone())
}

/// A chain of a description, sealing a block for each transaction.
pub async fn chain(scaffold: &str) -> Devnet {
    let genesis = Scaffold::parse(scaffold).unwrap().genesis();
    let config = DevnetConfig { genesis, sealing: Sealing::Instant, ..DevnetConfig::default() };
    Devnet::start(config).await.unwrap()
}

/// The chain of most tests: subnet 3 of Alice with a staked validator and two miners.
pub const SUBNET: &str = r#"
    [[account]]
    name = "Val"
    tao = 1000

    [[account]]
    name = "New"
    tao = 1000

    [[account]]
    name = "Poor"
    tao = 1

    [[subnet]]
    netuid = 3
    owner = "Alice"
    tempo = 20

    [[subnet.neuron]]
    coldkey = "Val"
    hotkey = "ValHot"
    stake = 500

    [[subnet.neuron]]
    coldkey = "Bob"
    hotkey = "BobHot"

    [[subnet.neuron]]
    coldkey = "Charlie"
    hotkey = "CharlieHot"
"#;

/// Every file below a folder.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
