//! The PCG64 generator behind a standard 4-word seed sequence, and choice without replacement
//! (training protocol, section 6; bit-equal to the generator the reference uses).

use std::collections::HashSet;

const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;
/// Above this population a draw of more than a fiftieth of it shuffles instead of probing a set.
const SHUFFLE_POPULATION_MIN: u32 = 10_000;
const SHUFFLE_FRACTION: u32 = 50;

/// PCG XSL-RR 128/64 with 32-bit draws taken from the low, then the high half of each output.
#[derive(Clone, Debug)]
pub struct Pcg64 {
    state: u128,
    increment: u128,
    high_half: Option<u32>,
}

impl Pcg64 {
    /// A generator seeded by one number below 2³².
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self::from_words(&[seed])
    }

    /// A generator seeded by entropy words, least significant first. Trailing zeros among the first
    /// four words change nothing.
    #[must_use]
    pub fn from_words(words: &[u32]) -> Self {
        let [a, b, c, d] = seed_state(words);
        let wide = |high: u64, low: u64| (u128::from(high) << 64) | u128::from(low);
        let mut rng = Self { state: 0, increment: (wide(c, d) << 1) | 1, high_half: None };
        rng.advance();
        rng.state = rng.state.wrapping_add(wide(a, b));
        rng.advance();
        rng
    }

    /// State and increment, for comparison with published vectors.
    #[must_use]
    pub fn state(&self) -> (u128, u128) {
        (self.state, self.increment)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.advance();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    /// The next 32 bits: the low half of a fresh output, then its high half.
    pub fn next_u32(&mut self) -> u32 {
        if let Some(high) = self.high_half.take() {
            return high;
        }
        let fresh = self.next_u64();
        self.high_half = Some((fresh >> 32) as u32);
        fresh as u32
    }

    /// A uniform number in `0..=max`, by multiply-shift with rejection on the low word.
    pub fn up_to(&mut self, max: u32) -> u32 {
        match max {
            0 => 0,
            u32::MAX => self.next_u32(),
            _ => self.lemire(max + 1),
        }
    }

    /// A uniform number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn lemire(&mut self, bound: u32) -> u32 {
        let rejected = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(bound);
            if product as u32 >= rejected {
                return (product >> 32) as u32;
            }
        }
    }

    fn advance(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }
}

/// `count` different numbers of `0..population`, in random order.
///
/// More than a fiftieth of more than 10,000: a partial Fisher–Yates shuffle from the end, whose tail is
/// kept. Otherwise: Floyd's set sampling, then a full shuffle of the result.
///
/// # Panics
/// If `count` exceeds `population`.
#[must_use]
pub fn choice(rng: &mut Pcg64, population: u32, count: u32) -> Vec<u32> {
    assert!(count <= population, "cannot choose {count} of {population}");
    if population > SHUFFLE_POPULATION_MIN && count > population / SHUFFLE_FRACTION {
        let mut all: Vec<u32> = (0..population).collect();
        shuffle_tail(rng, &mut all, (population - count).max(1) as usize);
        return all.split_off((population - count) as usize);
    }
    let mut chosen = floyd(rng, population, count);
    shuffle_tail(rng, &mut chosen, 1);
    chosen
}

fn floyd(rng: &mut Pcg64, population: u32, count: u32) -> Vec<u32> {
    let mut seen = HashSet::with_capacity(count as usize);
    let mut take = |last: u32| {
        let draw = rng.up_to(last);
        let value = if seen.insert(draw) { draw } else { last };
        seen.insert(value);
        value
    };
    (population - count..population).map(&mut take).collect()
}

fn shuffle_tail(rng: &mut Pcg64, values: &mut [u32], first: usize) {
    for i in (first..values.len()).rev() {
        values.swap(i, rng.up_to(i as u32) as usize);
    }
}

/// Four 64-bit words of state from any entropy: the hash of the standard seed sequence.
fn seed_state(words: &[u32]) -> [u64; 4] {
    let pool = mix_pool(words);
    let mut constant = 0x8B51_F9DDu32;
    let mut word = |i: usize| {
        let mut value = pool[i % 4] ^ constant;
        constant = constant.wrapping_mul(0x58F3_8DED);
        value = value.wrapping_mul(constant);
        u64::from(value ^ (value >> 16))
    };
    std::array::from_fn(|i| word(2 * i) | (word(2 * i + 1) << 32))
}

fn mix_pool(words: &[u32]) -> [u32; 4] {
    let mut constant = 0x43B0_D7E5u32;
    let mut hash = |value: u32| {
        let mixed = value ^ constant;
        constant = constant.wrapping_mul(0x931E_8875);
        let mixed = mixed.wrapping_mul(constant);
        mixed ^ (mixed >> 16)
    };
    let mut pool: [u32; 4] = std::array::from_fn(|i| hash(words.get(i).copied().unwrap_or(0)));
    for from in 0..4 {
        for to in (0..4).filter(|&to| to != from) {
            pool[to] = mix(pool[to], hash(pool[from]));
        }
    }
    for &word in words.iter().skip(4) {
        for slot in &mut pool {
            *slot = mix(*slot, hash(word));
        }
    }
    pool
}

fn mix(x: u32, y: u32) -> u32 {
    let mixed = x.wrapping_mul(0xCA01_F9DD).wrapping_sub(y.wrapping_mul(0x4973_F715));
    mixed ^ (mixed >> 16)
}
