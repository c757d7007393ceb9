//! How texts of different lengths are put together to be read at once.

/// Rows of the shortest text that others are made as long as.
const TOKENS_MIN: usize = 16;

/// Texts that are read together: `samples` of `tokens` rows each; the first `members.len()` are texts, the others
/// are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The texts' numbers.
    pub(super) members: Vec<usize>,
    pub(super) samples: usize,
    pub(super) tokens: usize,
}

impl Group {
    pub(super) fn rows(&self) -> usize {
        self.samples * self.tokens
    }
}

/// Rows that a text of `tokens` takes: the next 2ⁿ or 3·2ⁿ, but no more than the context. So a third at most is
/// empty, and products have few sizes.
pub(super) fn padded(tokens: usize, context: usize) -> usize {
    let whole = tokens.next_power_of_two().max(TOKENS_MIN);
    let shorter = whole / 4 * 3;
    if tokens <= shorter { shorter.min(context) } else { whole.min(context) }
}

/// Texts of one padded length together, in their order, as many as `rows` hold; `rows` hold the longest.
pub(super) fn groups(lengths: &[usize], context: usize, rows: usize) -> Vec<Group> {
    let size = |index: usize| padded(lengths[index], context);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| size(index));
    let alike = order.chunk_by(|&a, &b| size(a) == size(b));
    let groups = alike.flat_map(|alike| {
        let tokens = size(alike[0]);
        let most = rows / tokens;
        alike.chunks(most).map(move |members| {
            let samples = members.len().next_power_of_two().min(most);
            Group { members: members.to_vec(), samples, tokens }
        })
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 13 needs 16, 17 needs 24, 25 needs 32, 70 needs 96, 100 needs 128 and has 110.
    #[test]
    fn lengths_are_rounded_up_to_few_sizes() {
        let sizes = [1, 13, 17, 25, 70, 96, 97, 100].map(|tokens| padded(tokens, 110));
        assert_eq!(sizes, [12, 16, 24, 32, 96, 96, 110, 110]);
        for tokens in 1..=4096 {
            let rows = padded(tokens, 4096);
            assert!(rows >= tokens && (rows <= 16 || rows * 2 <= tokens * 3), "{tokens}: {rows}");
        }
    }

    /// Of 13, 70, 14 and 15 tokens three have 16 rows; 40 rows hold two of them, 96 the long one.
    #[test]
    fn texts_of_a_size_are_read_together() {
        let group = |members: &[usize], samples, tokens| Group { members: members.to_vec(), samples, tokens };
        let lengths = [13, 70, 14, 15];
        assert_eq!(groups(&lengths, 200, 96), [group(&[0, 2, 3], 4, 16), group(&[1], 1, 96)]);
        assert_eq!(groups(&lengths[2..], 200, 40), [group(&[0, 1], 2, 16)]);
        let five = groups(&[16; 5], 200, 48);
        assert_eq!(five, [group(&[0, 1, 2], 3, 16), group(&[3, 4], 2, 16)]);
        assert!(groups(&[], 200, 48).is_empty());
    }
}
