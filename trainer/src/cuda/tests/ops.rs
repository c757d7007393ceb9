use half::bf16;
use sn3_protocol::aggregate::{AggregateError, aggregate, outer_step};
use sn3_protocol::layout::TensorSpec;
use sn3_protocol::sparse::{CompressError, PseudoGradient, SparseConfig, compress};
use sn3_protocol::{ChunkRule, Layout};

use super::*;
use crate::cuda::attention::{self, Sizes};
use crate::cuda::codec::{Codec, CodecError};
use crate::cuda::device::{Arg, Launch};

on_every_device!(
    round_to_bf16_as_the_half_crate,
    embed_and_its_gradient,
    norm_and_its_gradient,
    rope_turns_and_turns_back,
    swiglu_and_its_gradient,
    cross_entropy_and_its_gradient,
    attention_follows_its_definition,
    attention_goes_on_from_what_was_read,
    compress_to_the_same_bytes,
    refuse_what_the_cpu_codec_refuses,
    aggregate_to_the_same_bits,
);

/// A device whose kernels' sizes do not matter.
fn open<D: Testable>() -> Option<Arc<D>> {
    D::open(KernelShape { hidden: 32, head_dim: 8, storage: Storage::Bf16 })
}

/// Largest relative gap of results stored so.
fn bound<D: Testable>(storage: Storage) -> f64 {
    match storage {
        Storage::Bf16 => 1e-2,
        Storage::F32 => D::F32_GAP,
    }
}

/// Runs `test` for both storages, with threads in either order: results must not depend on it.
fn both<D: Testable>(hidden: usize, head_dim: usize, test: impl Fn(&Arc<D>, Storage) -> Vec<f32>) {
    for storage in [Storage::F32, Storage::Bf16] {
        let Some(device) = D::open(KernelShape { hidden, head_dim, storage }) else { return };
        let forward = test(&device, storage);
        device.reverse(true);
        let backward = test(&device, storage);
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&forward), bits(&backward), "a barrier is missing");
    }
}

fn round_to_bf16_as_the_half_crate<D: Testable>() {
    let Some(device) = open::<D>() else { return };
    let mut values = noise(1, 5000);
    values.extend([
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN_POSITIVE,
        1e-42,
    ]);
    values.extend((0..600u32).map(|i| f32::from_bits(0x3f80_0000 + i * 0x1000)));
    let (from, to) = (Buffer::of(&device, &values).unwrap(), Buffer::stored(&device, values.len()).unwrap());
    let arguments = [from.at().into(), to.at().into(), Arg::U64(values.len() as u64)];
    device.launch("to_stored", Launch::strided(values.len() as u64), &arguments).unwrap();
    let found = to.read::<u16>(values.len()).unwrap();
    for (found, value) in found.into_iter().zip(&values) {
        let expected = bf16::from_f32(*value);
        assert!(
            found == expected.to_bits() || (value.is_nan() && bf16::from_bits(found).is_nan()),
            "{value}"
        );
    }
}

fn embed_and_its_gradient<D: Testable>() {
    let (rows, width, vocab) = (37, 24, 11);
    both::<D>(32, 8, |device, storage| {
        let (table, plain) = put(device, &noise(1, vocab * width));
        let tokens: Vec<u32> = (0..rows as u32).map(|row| row * row % vocab as u32).collect();
        let on_device = Buffer::of(device, &tokens).unwrap();
        let x = Buffer::stored(device, rows * width).unwrap();
        let sizes = [Arg::U64(rows as u64), Arg::U32(width as u32)];
        let arguments = [table.at().into(), on_device.at().into(), x.at().into(), sizes[0], sizes[1]];
        device.launch("embed_forward", Launch::strided(5), &arguments).unwrap();
        let found = get(&x, storage, rows * width);
        for (row, &token) in found.chunks(width).zip(&tokens) {
            assert_eq!(row, &plain[token as usize * width..][..width]);
        }
        let (dx, gradient) = put(device, &noise(2, rows * width));
        let before = noise(3, vocab * width);
        let dtable = Buffer::of(device, &before).unwrap();
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_by_key(|&row| tokens[row as usize]);
        let order = Buffer::of(device, &order).unwrap();
        let memory = [dx.at(), on_device.at(), order.at(), dtable.at()].map(Arg::from);
        let arguments: Vec<Arg> = memory.into_iter().chain(sizes).collect();
        device.launch("embed_backward", Launch::blocks(rows as u64), &arguments).unwrap();
        let mut expected = before;
        for (row, &token) in gradient.chunks(width).zip(&tokens) {
            let sums = &mut expected[token as usize * width..][..width];
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let found = dtable.read::<f32>(vocab * width).unwrap();
        assert_eq!(found, expected);
        found
    });
}

fn norm_and_its_gradient<D: Testable>() {
    // One sweep with idle threads, and a width that needs two with a part of the last.
    for (rows, width) in [(9, 32), (5, 2104)] {
        both::<D>(width, 8, |device, storage| {
            let (x, plain) = put(device, &noise(1, rows * width));
            let (dy, gradient) = put(device, &noise(2, rows * width));
            let (dx, before) = put(device, &noise(3, rows * width));
            let weight: Vec<f32> = noise(4, width).iter().map(|v| 1.0 + v * 0.5).collect();
            let weights = Buffer::of(device, &weight).unwrap();
            let (y, factors) =
                (Buffer::stored(device, rows * width).unwrap(), Buffer::words(device, rows).unwrap());
            let arguments =
                [x.at().into(), weights.at().into(), Arg::F32(1e-5), y.at().into(), factors.at().into()];
            device.launch("norm_forward", Launch::norm(rows as u64, width, storage), &arguments).unwrap();
            let (run, partial) = (4, Buffer::words(device, rows.div_ceil(4) * width).unwrap());
            let blocks = rows.div_ceil(run) as u64;
            let memory = [x.at(), weights.at(), factors.at(), dy.at(), dx.at(), partial.at()].map(Arg::from);
            let sizes = [Arg::U64(rows as u64), Arg::U32(run as u32), Arg::U32(0)];
            let arguments: Vec<Arg> = memory.into_iter().chain(sizes).collect();
            device.launch("norm_backward", Launch::norm(blocks, width, storage), &arguments).unwrap();
            let dweight = Buffer::of(device, &vec![0.5f32; width]).unwrap();
            let arguments = [partial.at().into(), Arg::U32(blocks as u32), dweight.at().into()];
            device.launch("norm_weight", Launch::blocks(width.div_ceil(32) as u64), &arguments).unwrap();
            let (mut expected_y, mut expected_dx, mut expected_dw) =
                (Vec::new(), before, vec![0.5f32; width]);
            for row in 0..rows {
                let span = row * width..(row + 1) * width;
                let (x, dy) = (&plain[span.clone()], &gradient[span.clone()]);
                let r = 1.0 / (x.iter().map(|v| v * v).sum::<f32>() / width as f32 + 1e-5).sqrt();
                expected_y.extend(x.iter().zip(&weight).map(|(x, w)| x * r * w));
                let pull =
                    (0..width).map(|i| x[i] * weight[i] * dy[i]).sum::<f32>() * r * r * r / width as f32;
                for i in 0..width {
                    expected_dx[span.start + i] += r * weight[i] * dy[i] - x[i] * pull;
                    expected_dw[i] += dy[i] * x[i] * r;
                }
            }
            let (y, dx) = (get(&y, storage, rows * width), get(&dx, storage, rows * width));
            let dw = dweight.read::<f32>(width).unwrap();
            assert!(
                gap(&y, &expected_y) < bound::<D>(storage) && gap(&dx, &expected_dx) < bound::<D>(storage)
            );
            assert!(gap(&dw, &expected_dw) < 1e-5, "{:e}", gap(&dw, &expected_dw));
            [y, dx, dw].concat()
        });
    }
}

fn rope_turns_and_turns_back<D: Testable>() {
    // Halves of whole packs, and not.
    for head_dim in [16, 12] {
        both::<D>(32, 8, |device, storage| {
            let (tokens, heads, half) = (5, 3, head_dim / 2);
            let (rows, stride) = (2 * tokens, heads * head_dim + 8);
            let (x, plain) = put(device, &noise(1, rows * stride));
            let angles: Vec<f32> = noise(2, tokens * half);
            let table = |f: fn(f32) -> f32| angles.iter().map(|&a| f(a)).collect::<Vec<f32>>();
            let (cosines, sines) = (table(f32::cos), table(f32::sin));
            let tables = [Buffer::of(device, &cosines).unwrap(), Buffer::of(device, &sines).unwrap()];
            let turn = |direction| {
                let sizes = [tokens, heads, half, stride].map(|n| Arg::U32(n as u32));
                let mut arguments =
                    vec![x.at().into(), tables[0].at().into(), tables[1].at().into(), Arg::U64(rows as u64)];
                arguments.extend(sizes.into_iter().chain([Arg::F32(direction)]));
                device.launch("rope", Launch::strided(300), &arguments).unwrap();
                get(&x, storage, rows * stride)
            };
            let found = turn(1.0);
            let mut expected = plain.clone();
            for row in 0..rows {
                for head in 0..heads {
                    for i in 0..half {
                        let (at, angle) = (row * stride + head * head_dim + i, row % tokens * half + i);
                        let (a, b) = (plain[at], plain[at + half]);
                        expected[at] = a * cosines[angle] - b * sines[angle];
                        expected[at + half] = b * cosines[angle] + a * sines[angle];
                    }
                }
            }
            assert!(gap(&found, &expected) < bound::<D>(storage), "{:e}", gap(&found, &expected));
            assert!(gap(&turn(-1.0), &plain) < bound::<D>(storage));
            found
        });
    }
}

fn swiglu_and_its_gradient<D: Testable>() {
    let (rows, ffn) = (7, 48);
    both::<D>(32, 8, |device, storage| {
        let scaled: Vec<f32> = noise(1, rows * 2 * ffn).iter().map(|v| v * 6.0).collect();
        let ((gate_up, plain), (dout, gradient)) = (put(device, &scaled), put(device, &noise(2, rows * ffn)));
        let out = Buffer::stored(device, rows * ffn).unwrap();
        let sizes = [Arg::U64(rows as u64), Arg::U32(ffn as u32)];
        let run = |kernel, result: &Buffer<D>| {
            let arguments = [gate_up.at().into(), result.at().into(), sizes[0], sizes[1]];
            device.launch(kernel, Launch::strided(40), &arguments).unwrap();
        };
        run("swiglu_forward", &out);
        run("swiglu_backward", &dout);
        let mut expected = (Vec::new(), vec![0.0f32; rows * 2 * ffn]);
        for row in 0..rows {
            for i in 0..ffn {
                let (g, u) = (plain[row * 2 * ffn + i], plain[row * 2 * ffn + ffn + i]);
                let (s, da) = (1.0 / (1.0 + (-g).exp()), gradient[row * ffn + i]);
                expected.0.push(g * s * u);
                expected.1[row * 2 * ffn + i] = da * u * s * (1.0 + g * (1.0 - s));
                expected.1[row * 2 * ffn + ffn + i] = da * g * s;
            }
        }
        let found = get(&out, storage, rows * ffn);
        assert!(gap(&found, &expected.0) < bound::<D>(storage));
        assert_eq!(get(&dout, storage, rows * ffn), found, "the forward result again");
        let gradient = get(&gate_up, storage, rows * 2 * ffn);
        assert!(gap(&gradient, &expected.1) < bound::<D>(storage), "{:e}", gap(&gradient, &expected.1));
        [found, gradient].concat()
    });
}

fn cross_entropy_and_its_gradient<D: Testable>() {
    // More columns than one sweep of the block, and a vocabulary that no pack divides.
    let (rows, vocab, line, scale) = (4, 2501, 2504, 0.25f32);
    both::<D>(32, 8, |device, storage| {
        let values: Vec<f32> = noise(1, rows * line).iter().map(|v| v * 9.0).collect();
        let (logits, plain) = put(device, &values);
        let labels = [7u32, u32::MAX, 2500, 0];
        let (label_buffer, losses) =
            (Buffer::of(device, &labels).unwrap(), Buffer::words(device, rows).unwrap());
        let factor = Buffer::of(device, &[scale]).unwrap();
        let run = |gradient| {
            let memory = [logits.at(), label_buffer.at(), losses.at(), factor.at()].map(Arg::from);
            let sizes = [vocab as u32, line as u32, gradient].map(Arg::U32);
            let arguments: Vec<Arg> = memory.into_iter().chain(sizes).collect();
            device.launch("cross_entropy", Launch::blocks(rows as u64), &arguments).unwrap();
            losses.read::<f32>(rows).unwrap()
        };
        let without = run(0);
        assert_eq!(get(&logits, storage, rows * line), plain, "only the loss was asked for");
        let with = run(1);
        assert_eq!(without, with);
        let found = get(&logits, storage, rows * line);
        for (row, &label) in labels.iter().enumerate() {
            let (line_of, found) = (&plain[row * line..][..vocab], &found[row * line..][..line]);
            assert!(found[vocab..].iter().all(|&v| v == 0.0), "padding is read by products");
            if label == u32::MAX {
                assert!(with[row] == 0.0 && found.iter().all(|&v| v == 0.0));
                continue;
            }
            let sum: f64 = line_of.iter().map(|&v| f64::from(v).exp()).sum();
            let loss = sum.ln() - f64::from(line_of[label as usize]);
            assert!((f64::from(with[row]) - loss).abs() < 1e-4, "{} for {loss}", with[row]);
            let expected: Vec<f32> = (0..vocab)
                .map(|i| {
                    ((f64::from(line_of[i]).exp() / sum - f64::from(u8::from(i == label as usize)))
                        * f64::from(scale)) as f32
                })
                .collect();
            assert!(gap(&found[..vocab], &expected) < bound::<D>(storage).max(1e-4));
        }
        let total = Buffer::of(device, &[1.0f64]).unwrap();
        let arguments = [losses.at().into(), Arg::U64(rows as u64), total.at().into()];
        device.launch("add_losses", Launch::blocks(1), &arguments).unwrap();
        let sum = total.read::<f64>(1).unwrap()[0];
        assert!((sum - 1.0 - with.iter().map(|&l| f64::from(l)).sum::<f64>()).abs() < 1e-9);
        [found, with].concat()
    });
}

fn attention_goes_on_from_what_was_read<D: Testable>() {
    // One row and several, after fewer and more keys than the warps take at once; heads of every kind of width.
    for (tokens, new, heads, kv_heads, head_dim) in [(2, 1, 2, 1, 12), (70, 1, 2, 2, 66), (41, 3, 4, 2, 128)]
    {
        both::<D>(32, head_dim, |device, storage| {
            let sizes = Sizes { samples: 1, tokens, heads, kv_heads, head_dim };
            let (line, width) = ((heads + 2 * kv_heads) * head_dim, heads * head_dim);
            let (qkv, plain) = put(device, &noise(1, tokens * line));
            let out = Buffer::stored(device, new * width).unwrap();
            let work = attention::Cached { sizes, rows: new, qkv: qkv.at(), out: out.at() };
            attention::cached(&**device, &work).unwrap();
            let (expected, _) = plain_attention(sizes, &plain, &vec![0.0; tokens * width]);
            let found = get(&out, storage, new * width);
            let apart = gap(&found, &expected[(tokens - new) * width..]);
            assert!(apart < bound::<D>(storage), "{tokens} tokens, {head_dim} wide: {apart:e}");
            found
        });
    }
}

fn attention_follows_its_definition<D: Testable>() {
    // Tokens below, at and above a block; heads that share keys; widths that mma divides, and not.
    for (tokens, heads, kv_heads, head_dim) in [(33, 2, 1, 12), (70, 2, 1, 32)] {
        both::<D>(32, head_dim, |device, storage| {
            let sizes = Sizes { samples: 2, tokens, heads, kv_heads, head_dim };
            let (rows, line, width) = (2 * tokens, (heads + 2 * kv_heads) * head_dim, heads * head_dim);
            let ((qkv, plain), (dout, gradient)) =
                (put(device, &noise(1, rows * line)), put(device, &noise(2, rows * width)));
            let (out, dqkv) =
                (Buffer::stored(device, rows * width).unwrap(), Buffer::stored(device, rows * line).unwrap());
            let words = |count| Buffer::words(device, count).unwrap();
            let (log_sums, row_sums) = (words(rows * heads), words(rows * heads));
            let forward = attention::Forward { sizes, qkv: qkv.at(), out: out.at(), log_sums: log_sums.at() };
            attention::forward(&**device, &forward).unwrap();
            let (row_sums, query_sums) = (row_sums.at(), out.at());
            let work =
                attention::Backward { forward, dout: dout.at(), dqkv: dqkv.at(), row_sums, query_sums };
            attention::backward(&**device, &work).unwrap();
            let (expected, expected_gradient) = plain_attention(sizes, &plain, &gradient);
            let (found, found_gradient) =
                (get(&out, storage, rows * width), get(&dqkv, storage, rows * line));
            assert!(gap(&found, &expected) < bound::<D>(storage), "{:e}", gap(&found, &expected));
            let apart = gap(&found_gradient, &expected_gradient);
            assert!(apart < bound::<D>(storage) * 2.0, "{apart:e}");
            [found, found_gradient].concat()
        });
    }
}

/// Attention and its gradient in f64, one score at a time.
fn plain_attention(sizes: Sizes, qkv: &[f32], dout: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let Sizes { samples, tokens, heads, kv_heads, head_dim } = sizes;
    let (line, width, scale) =
        ((heads + 2 * kv_heads) * head_dim, heads * head_dim, 1.0 / (head_dim as f64).sqrt());
    let (mut out, mut dqkv) = (vec![0.0f64; samples * tokens * width], vec![0.0f64; qkv.len()]);
    for index in 0..samples * heads * tokens {
        let (sample, head, query) = (index / (heads * tokens), index / tokens % heads, index % tokens);
        let row = |token: usize| (sample * tokens + token) * line;
        let q = row(query) + head * head_dim;
        let k = |token: usize| row(token) + width + head / (heads / kv_heads) * head_dim;
        let v = |token: usize| k(token) + kv_heads * head_dim;
        let o = (sample * tokens + query) * width + head * head_dim;
        let dot = |a: usize, b: usize| {
            (0..head_dim).map(|i| f64::from(qkv[a + i]) * f64::from(qkv[b + i])).sum::<f64>()
        };
        let raised: Vec<f64> = (0..=query).map(|key| (dot(q, k(key)) * scale).exp()).collect();
        let sum: f64 = raised.iter().sum();
        let gradient = |key: usize| {
            (0..head_dim).map(|i| f64::from(dout[o + i]) * f64::from(qkv[v(key) + i])).sum::<f64>()
        };
        let mean: f64 = (0..=query).map(|key| raised[key] / sum * gradient(key)).sum();
        for key in 0..=query {
            let probability = raised[key] / sum;
            let dscore = probability * (gradient(key) - mean) * scale;
            for i in 0..head_dim {
                out[o + i] += probability * f64::from(qkv[v(key) + i]);
                dqkv[v(key) + i] += probability * f64::from(dout[o + i]);
                dqkv[q + i] += dscore * f64::from(qkv[k(key) + i]);
                dqkv[k(key) + i] += dscore * f64::from(qkv[q + i]);
            }
        }
    }
    let floats = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
    (floats(out), floats(dqkv))
}

fn layout(shapes: &[&[u32]], rule: ChunkRule) -> Layout {
    let spec = |(i, shape): (usize, &&[u32])| TensorSpec { name: format!("t{i}"), shape: shape.to_vec() };
    Layout::new(shapes.iter().enumerate().map(spec).collect(), rule).unwrap()
}

/// Values of several sizes with many equal magnitudes, so that ties matter.
fn delta(seed: u64, layout: &Layout) -> Vec<f32> {
    let values = noise(seed, layout.parameters());
    values
        .iter()
        .enumerate()
        .map(|(i, v)| if i % 3 == 0 { (v * 8.0).round() * 0.001 } else { v * 0.01 })
        .collect()
}

fn compress_to_the_same_bytes<D: Testable>() {
    let Some(device) = open::<D>() else { return };
    // With 4,096 of a chunk the first tensor has more kept values than a block of the quantiser's sums.
    for (rule, k) in [
        (ChunkRule::Padded, 64),
        (ChunkRule::Padded, 5),
        (ChunkRule::Reference, 64),
        (ChunkRule::Padded, 0),
        (ChunkRule::Padded, 4096),
    ] {
        let layout = layout(&[&[130, 70], &[4100], &[64, 64], &[3], &[66, 3]], rule);
        let config = SparseConfig { top_k: k, ..SparseConfig::default() };
        let mut codec = Codec::new(device.clone(), &layout, config).unwrap();
        let mut error = vec![0.0; layout.parameters()];
        for round in 0..3 {
            device.reverse(round == 1);
            let delta = if round == 2 { vec![0.0; error.len()] } else { delta(round, &layout) };
            let expected = compress(&layout, &config, &mut error, &delta).unwrap();
            codec.set_delta(&delta).unwrap();
            let found = codec.compress().unwrap();
            assert_eq!(found, expected, "{rule:?}, {k} of a chunk, round {round}");
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&codec.error().unwrap()), bits(&error), "the error feedback, round {round}");
        }
    }
}

fn refuse_what_the_cpu_codec_refuses<D: Testable>() {
    let Some(device) = open::<D>() else { return };
    let layout = layout(&[&[2], &[2, 2]], ChunkRule::Padded);
    let mut codec = Codec::new(device, &layout, SparseConfig::default()).unwrap();
    codec.set_error(&[1.0; 6]).unwrap();
    for wrong in [f32::NAN, 6000.0] {
        let delta = [0.0, 0.0, 0.0, wrong, 0.0, 0.0];
        codec.set_delta(&delta).unwrap();
        let (found, mut error) = (codec.compress().unwrap_err(), vec![1.0; 6]);
        let expected = compress(&layout, &SparseConfig::default(), &mut error, &delta).unwrap_err();
        assert_eq!(found, CodecError::Compress(expected));
        assert_eq!(codec.error().unwrap(), [1.0; 6]);
    }
    let short = codec.set_delta(&[0.0; 5]).unwrap_err();
    assert!(matches!(short, CodecError::Compress(CompressError::Length { found: 5, expected: 6, .. })));
}

fn aggregate_to_the_same_bits<D: Testable>() {
    let Some(device) = open::<D>() else { return };
    let layout = layout(&[&[130, 70], &[4100], &[3]], ChunkRule::Padded);
    let config = SparseConfig::default();
    let peer = |seed: u64| {
        let scaled: Vec<f32> = delta(seed, &layout).iter().map(|v| v * (1 + seed) as f32).collect();
        compress(&layout, &config, &mut vec![0.0; scaled.len()], &scaled).unwrap()
    };
    let peers: Vec<PseudoGradient> = (0..5).map(peer).collect();
    let peers: Vec<&PseudoGradient> = peers.iter().collect();
    let codec = Codec::new(device.clone(), &layout, config).unwrap();
    for count in [0, 1, 5] {
        device.reverse(count == 5);
        let expected = aggregate(&layout, config.top_k, &peers[..count]).unwrap();
        let found = codec.aggregate(&peers[..count]).unwrap();
        assert_eq!(layout.state_digest(&found), layout.state_digest(&expected), "{count} peers");
        let theta = noise(9, layout.parameters());
        let mut stepped = theta.clone();
        outer_step(&mut stepped, &layout, &expected, 0.7).unwrap();
        assert_eq!(codec.outer_step(&theta, &found, 0.7).unwrap(), stepped);
    }
    let huge = vec![f32::MAX; layout.parameters()];
    let refused = codec.outer_step(&huge, &huge.iter().map(|v| -v).collect::<Vec<_>>(), 1.0).unwrap_err();
    assert_eq!(refused, CodecError::Aggregate(AggregateError::NotFinite("t0".into())));
    let none = PseudoGradient::default();
    let refused = codec.aggregate(&[&none]).unwrap_err();
    assert!(matches!(refused, CodecError::Aggregate(AggregateError::Tensors { found: 0, .. })));
}
