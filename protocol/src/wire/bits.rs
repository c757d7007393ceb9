//! Bits in bytes, least significant first.

/// Appends bits to bytes.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    pending: u64,
    pending_bits: u32,
}

impl BitWriter {
    /// Appends the low `count` bits of `value`, at most 32.
    pub fn write(&mut self, value: u32, count: u32) {
        self.pending |= u64::from(value) << self.pending_bits;
        self.pending_bits += count;
        while self.pending_bits >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.pending_bits -= 8;
        }
    }

    /// Appends `count` ones and a zero.
    pub fn write_unary(&mut self, mut count: u32) {
        while count >= 31 {
            self.write(0x7fff_ffff, 31);
            count -= 31;
        }
        self.write((1 << count) - 1, count + 1);
    }

    /// The bytes, the last one padded with zeros.
    pub fn finish(mut self) -> Vec<u8> {
        if self.pending_bits > 0 {
            self.bytes.push(self.pending as u8);
        }
        self.bytes
    }
}

/// Reads what a [`BitWriter`] wrote.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Bits to the end.
    pub fn bits_left(&self) -> usize {
        self.bytes.len() * 8 - self.position
    }

    /// Up to 64 bits from here, of which at least 57 are real unless the end is near.
    fn window(&self) -> u64 {
        let start = self.position / 8;
        let mut buffer = [0u8; 8];
        let available = self.bytes.len().saturating_sub(start).min(8);
        buffer[..available].copy_from_slice(&self.bytes[start..start + available]);
        u64::from_le_bytes(buffer) >> (self.position % 8)
    }

    /// The next `count` bits, at most 32; `None` at the end.
    pub fn read(&mut self, count: u32) -> Option<u32> {
        if self.position + count as usize > self.bytes.len() * 8 {
            return None;
        }
        let value = self.window() & ((1u64 << count) - 1);
        self.position += count as usize;
        Some(value as u32)
    }

    /// Ones up to the next zero; `None` at the end or above `max`.
    pub fn read_unary(&mut self, max: u32) -> Option<u32> {
        let mut count = 0;
        loop {
            let ones = self.window().trailing_ones().min(32);
            count += ones;
            if count > max || self.position + ones as usize >= self.bytes.len() * 8 {
                return None;
            }
            self.position += ones as usize;
            if ones < 32 {
                self.position += 1;
                return Some(count);
            }
        }
    }

    /// Bytes read, if the rest of the last one is zero.
    pub fn finish(&self) -> Option<usize> {
        let used = self.position.div_ceil(8);
        let padding = match self.position % 8 {
            0 => 0,
            bits => self.bytes.get(used - 1)? >> bits,
        };
        (padding == 0).then_some(used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut writer = BitWriter::default();
        let unary = [0, 1, 7, 30, 31, 32, 63, 64, 200, 4095];
        for (i, &count) in unary.iter().enumerate() {
            writer.write_unary(count);
            writer.write(i as u32, 12);
        }
        let bytes = writer.finish();
        let mut reader = BitReader::new(&bytes);
        for (i, &count) in unary.iter().enumerate() {
            assert_eq!(reader.read_unary(4096), Some(count));
            assert_eq!(reader.read(12), Some(i as u32));
        }
        assert_eq!(reader.finish(), Some(bytes.len()));
        assert_eq!(BitReader::new(&[]).read(1), None);
        assert_eq!(BitReader::new(&[0xff; 64]).read_unary(4096), None);
        assert_eq!(BitReader::new(&[0xff; 64]).read_unary(100), None);
    }
}
