//! An adaptive binary range coder for quantiser codes.
//!
//! Codes of real pseudo-gradients carry about one bit: they are 1 or 3, and hardly ever 0 or 2 (training
//! protocol, section 1.9). Each code is two binary decisions, the odd bit first, each with its own adaptive
//! probability. Integer arithmetic only, so every machine writes the same bytes.

/// Bits of a probability.
const SCALE_BITS: u32 = 12;
/// How fast probabilities follow what they see: by 1/32 of the distance.
const ADAPT_SHIFT: u32 = 5;
/// Below this the range is widened by a byte.
const RANGE_MIN: u32 = 1 << 24;
/// Bytes that end a run.
const FLUSH_BYTES: usize = 4;

/// Probabilities that a bit is 0, in 1/4096.
struct Model {
    odd: u16,
    high: [u16; 2],
}

impl Model {
    fn new() -> Self {
        let half = 1 << (SCALE_BITS - 1);
        Self { odd: half, high: [half; 2] }
    }
}

fn adapt(probability: &mut u16, bit: bool) {
    if bit {
        *probability -= *probability >> ADAPT_SHIFT;
    } else {
        *probability += ((1 << SCALE_BITS) - *probability) >> ADAPT_SHIFT;
    }
}

struct Encoder {
    low: u64,
    range: u32,
    bytes: Vec<u8>,
}

impl Encoder {
    fn encode(&mut self, probability: &mut u16, bit: bool) {
        let bound = (self.range >> SCALE_BITS) * u32::from(*probability);
        if bit {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
        adapt(probability, bit);
        self.carry();
        while self.range < RANGE_MIN {
            self.range <<= 8;
            self.shift();
        }
    }

    /// An overflow of `low` runs through the bytes already written.
    fn carry(&mut self) {
        if self.low > u64::from(u32::MAX) {
            self.low &= u64::from(u32::MAX);
            for byte in self.bytes.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
    }

    fn shift(&mut self) {
        self.bytes.push((self.low >> 24) as u8);
        self.low = (self.low << 8) & u64::from(u32::MAX);
    }
}

/// Encodes codes 0 to 3.
pub(super) fn encode(codes: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder { low: 0, range: u32::MAX, bytes: Vec::with_capacity(codes.len() / 6) };
    let mut model = Model::new();
    for &code in codes {
        let odd = code & 1;
        encoder.encode(&mut model.odd, odd == 1);
        encoder.encode(&mut model.high[usize::from(odd)], code & 2 != 0);
    }
    (0..FLUSH_BYTES).for_each(|_| encoder.shift());
    encoder.bytes
}

struct Decoder<'a> {
    bytes: std::slice::Iter<'a, u8>,
    value: u32,
    range: u32,
}

impl Decoder<'_> {
    fn next_byte(&mut self) -> u32 {
        u32::from(self.bytes.next().copied().unwrap_or(0))
    }

    fn decode(&mut self, probability: &mut u16) -> bool {
        let bound = (self.range >> SCALE_BITS) * u32::from(*probability);
        let bit = self.value >= bound;
        if bit {
            self.value -= bound;
            self.range -= bound;
        } else {
            self.range = bound;
        }
        adapt(probability, bit);
        while self.range < RANGE_MIN {
            self.range <<= 8;
            self.value = (self.value << 8) | self.next_byte();
        }
        bit
    }
}

/// Decodes `count` codes; whatever the bytes are, codes come out. The caller compares their encoding.
pub(super) fn decode(bytes: &[u8], count: usize) -> Vec<u8> {
    let mut decoder = Decoder { bytes: bytes.iter(), value: 0, range: u32::MAX };
    for _ in 0..FLUSH_BYTES {
        decoder.value = (decoder.value << 8) | decoder.next_byte();
    }
    let mut model = Model::new();
    let mut codes = Vec::with_capacity(count);
    for _ in 0..count {
        let odd = u8::from(decoder.decode(&mut model.odd));
        let high = u8::from(decoder.decode(&mut model.high[usize::from(odd)]));
        codes.push(odd | (high << 1));
    }
    codes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_of_one_bit_cost_about_one_bit() {
        let mut state = 1u32;
        let codes: Vec<u8> = (0..100_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                match state >> 24 {
                    0..=3 => 2,
                    4..=129 => 1,
                    _ => 3,
                }
            })
            .collect();
        let bits = encode(&codes).len() as f64 * 8.0 / codes.len() as f64;
        assert!((1.0..1.2).contains(&bits), "{bits} bits a code");
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(codes in prop::collection::vec(0u8..4, 0..3000)) {
            prop_assert_eq!(decode(&encode(&codes), codes.len()), codes);
        }

        #[test]
        fn skewed_codes_too(codes in prop::collection::vec(prop_oneof![30 => Just(3u8), 1 => 0u8..4], 0..3000)) {
            prop_assert_eq!(decode(&encode(&codes), codes.len()), codes);
        }
    }
}
