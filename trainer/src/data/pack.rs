//! Documents to samples: tokenise in parallel, end each document, join, cut into equal samples, shuffle.

use rayon::prelude::*;

use super::corpus::Part;
use crate::random::Random;
use crate::tokenizer::{Tokenizer, TokenizerError};

/// Random streams of the dataset's seed; a stream is never used for two purposes.
const SPLIT_STREAM: u64 = 1;
const SAMPLE_STREAM: u64 = 2;

/// Samples of equal length, one after another.
pub(super) struct Packed {
    pub(super) train: Vec<u32>,
    pub(super) heldout: Vec<u32>,
    /// Training tokens before the last, incomplete sample was dropped.
    pub(super) tokens: usize,
}

/// Packs `parts` into samples of `seq_len` tokens; about `heldout_fraction` of the parts (at least one when
/// there are two) are kept out of the training samples. The same inputs give the same samples on any number
/// of threads.
pub(super) fn pack(
    parts: &[Part],
    tokenizer: &Tokenizer,
    seq_len: usize,
    seed: u64,
    heldout_fraction: f64,
) -> Result<Packed, TokenizerError> {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    Random::new(seed, SPLIT_STREAM).shuffle(&mut order);
    let (heldout, train) = order.split_at(heldout_count(parts.len(), heldout_fraction));
    let mut heldout = tokenise(parts, heldout, tokenizer)?;
    let mut train = tokenise(parts, train, tokenizer)?;
    let tokens = train.len();
    heldout.truncate(heldout.len() / seq_len * seq_len);
    train.truncate(train.len() / seq_len * seq_len);
    Ok(Packed { train: shuffled(&train, seq_len, seed), heldout, tokens })
}

fn heldout_count(parts: usize, fraction: f64) -> usize {
    let wanted = (parts as f64 * fraction).round() as usize;
    wanted.clamp(usize::from(parts > 1 && fraction > 0.0), parts.saturating_sub(1))
}

fn tokenise(parts: &[Part], order: &[usize], tokenizer: &Tokenizer) -> Result<Vec<u32>, TokenizerError> {
    let encode = |&index: &usize| {
        let mut ids = tokenizer.encode(&parts[index].text)?;
        ids.extend(parts[index].ends.then_some(tokenizer.eos()));
        Ok(ids)
    };
    Ok(order.par_iter().map(encode).collect::<Result<Vec<_>, _>>()?.concat())
}

fn shuffled(tokens: &[u32], seq_len: usize, seed: u64) -> Vec<u32> {
    let mut samples: Vec<&[u32]> = tokens.chunks_exact(seq_len).collect();
    Random::new(seed, SAMPLE_STREAM).shuffle(&mut samples);
    samples.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Corpus;

    fn corpus() -> Corpus {
        Corpus::from_texts((0..60).map(|i| format!("document number {i} says {}\n", i * i))).unwrap()
    }

    #[test]
    fn packing_keeps_every_token_and_is_the_same_on_any_thread_count() {
        let corpus = corpus();
        let tokenizer = Tokenizer::train(&corpus, 280).unwrap();
        let run = || pack(&corpus.parts, &tokenizer, 8, 5, 0.1).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (one, many) = (pool.install(run), run());
        assert_eq!((&one.train, &one.heldout), (&many.train, &many.heldout));
        let total: usize = corpus.parts.iter().map(|p| tokenizer.encode(&p.text).unwrap().len() + 1).sum();
        let packed = one.train.len() + one.heldout.len();
        assert!(packed <= total && packed + 16 > total, "{packed} of {total}");
        let ends = one.train.iter().filter(|&&t| t == tokenizer.eos()).count();
        assert!((52..=54).contains(&ends), "54 documents are trained on, each ended once: {ends}");
        assert_ne!(one.train, pack(&corpus.parts, &tokenizer, 8, 6, 0.1).unwrap().train);
    }

    #[test]
    fn held_out_documents_are_counted() {
        assert_eq!(heldout_count(1, 0.5), 0);
        assert_eq!(heldout_count(2, 0.01), 1);
        assert_eq!(heldout_count(100, 0.05), 5);
        assert_eq!(heldout_count(100, 0.0), 0);
        assert_eq!(heldout_count(3, 1.0), 2);
    }
}
