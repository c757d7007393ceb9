//! The output head and the loss, a run of tokens at a time, so that the logits of all tokens never exist at once.

use super::matrix::{Into, Matrix, multiply};
use crate::pool::Pool;
use crate::vector;

/// Most logits in memory (8 MiB as f32).
const LOGITS_MAX: usize = 1 << 21;
/// Fewest and most tokens of a run.
const RUN_MIN: usize = 64;
const RUN_MAX: usize = 1024;
/// Rows of logits that one task turns into gradients.
const ROW_BLOCK: usize = 16;

/// Tokens whose logits are in memory together.
pub(super) fn run_len(vocab: usize) -> usize {
    (LOGITS_MAX / vocab).clamp(RUN_MIN, RUN_MAX)
}

/// A label as the loss sees it: the token, or `None` where it does not count.
pub(super) type Label = Option<u32>;

/// What the head reads, and where it works.
pub(super) struct Head<'a> {
    /// Normed rows of the last layer: tokens × width.
    pub(super) x: &'a [f32],
    /// The head's matrix: vocabulary × width.
    pub(super) weight: &'a [f32],
    /// One a token.
    pub(super) labels: &'a [Label],
    /// Room for `run_len` rows of logits.
    pub(super) logits: &'a mut [f32],
    pub(super) width: usize,
}

impl Head<'_> {
    /// The sum of the losses of all counted labels.
    pub(super) fn loss(self, pool: &Pool, losses: &mut [f32]) -> f64 {
        let (width, run) = (self.width, run_len(self.weight.len() / self.width));
        let runs = self.x.chunks(run * width).zip(self.labels.chunks(run)).zip(losses.chunks_mut(run));
        for ((x, labels), losses) in runs {
            let logits = run_logits(pool, x, self.weight, width, self.logits);
            rows(pool, logits, labels, losses, None);
        }
        sum(losses)
    }

    /// The same; writes the gradient by `x` to `dx` and adds that by the weight to `dweight`, both for the
    /// sum of the losses times `scale`.
    pub(super) fn backward(
        self,
        pool: &Pool,
        losses: &mut [f32],
        scale: f32,
        dx: &mut [f32],
        dweight: &mut [f32],
    ) -> f64 {
        let (width, vocab) = (self.width, self.weight.len() / self.width);
        let run = run_len(vocab);
        let inputs = self.x.chunks(run * width).zip(self.labels.chunks(run));
        for ((x, labels), (losses, dx)) in inputs.zip(losses.chunks_mut(run).zip(dx.chunks_mut(run * width)))
        {
            let logits = run_logits(pool, x, self.weight, width, self.logits);
            rows(pool, logits, labels, losses, Some(scale));
            let dlogits = Matrix::new(logits, vocab);
            multiply(pool, dx, dlogits, Matrix::new(self.weight, width), Into::Replace);
            multiply(pool, dweight, dlogits.transposed(), Matrix::new(x, width), Into::Add);
        }
        sum(losses)
    }
}

fn run_logits<'a>(
    pool: &Pool,
    x: &[f32],
    weight: &[f32],
    width: usize,
    logits: &'a mut [f32],
) -> &'a mut [f32] {
    let logits = &mut logits[..x.len() / width * (weight.len() / width)];
    multiply(pool, logits, Matrix::new(x, width), Matrix::new(weight, width).transposed(), Into::Replace);
    logits
}

/// Cross-entropy of each row; with a `scale`, the logits become the gradient of the loss times it.
fn rows(pool: &Pool, logits: &mut [f32], labels: &[Label], losses: &mut [f32], scale: Option<f32>) {
    let vocab = logits.len() / labels.len();
    let blocks = logits.chunks_mut(ROW_BLOCK * vocab).zip(labels.chunks(ROW_BLOCK));
    pool.each(blocks.zip(losses.chunks_mut(ROW_BLOCK)), |((logits, labels), losses)| {
        vector::fast!({
            for ((row, label), loss) in logits.chunks_exact_mut(vocab).zip(labels).zip(losses.iter_mut()) {
                *loss = row_loss(row, *label, scale);
            }
        },);
    });
}

/// −log softmax(row)[label]; the gradient is (softmax(row) − onehot(label)) · scale.
#[inline(always)]
fn row_loss(row: &mut [f32], label: Label, scale: Option<f32>) -> f32 {
    let Some(label) = label else {
        row.fill(0.0);
        return 0.0;
    };
    let (max, at_label) = (vector::max(row), row[label as usize]);
    let sum = vector::exp_sum(row, max);
    if let Some(scale) = scale {
        vector::scale(row, scale / sum);
        row[label as usize] -= scale;
    }
    max + sum.ln() - at_label
}

fn sum(losses: &[f32]) -> f64 {
    losses.iter().map(|&loss| f64::from(loss)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_and_its_gradient_are_those_of_the_softmax() {
        // By hand: logits (ln 1, ln 2, ln 5), label 1: loss ln 8 − ln 2 = ln 4; gradient (1/8, 2/8 − 1, 5/8).
        let mut row = [1.0f32.ln(), 2.0f32.ln(), 5.0f32.ln()];
        let loss = row_loss(&mut row, Some(1), Some(1.0));
        assert!((loss - 4.0f32.ln()).abs() < 1e-6);
        for (found, expected) in row.iter().zip([0.125, -0.75, 0.625]) {
            assert!((found - expected).abs() < 1e-6, "{row:?}");
        }
        assert_eq!((row_loss(&mut row, None, Some(1.0)), row), (0.0, [0.0; 3]));
    }
}
