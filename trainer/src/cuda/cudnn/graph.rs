//! Attention as cuDNN's operation graphs, forward and backward.
//!
//! All tensors are (samples, heads, tokens, width) with strides, so that queries, keys and values are read where
//! they lie in one matrix and results are written where they are wanted. What is not real never leaves the chip.

use cudarc::cudnn::sys::{
    cudnnBackendAttributeName_t as Name, cudnnBackendAttributeType_t as Type,
    cudnnBackendDescriptorType_t as Kind, cudnnDataType_t as Data, cudnnPointwiseMode_t as Mode,
    cudnnReduceTensorOp_t as Reduce,
};

use super::descriptor::Descriptor;
use crate::cuda::attention::Sizes;
use crate::cuda::device::GpuError;

type Made<T> = Result<T, GpuError>;

/// Names of the tensors that have memory, by which a run finds it.
pub(super) mod uid {
    pub(in super::super) const QUERIES: i64 = 1;
    pub(in super::super) const KEYS_TRANSPOSED: i64 = 2;
    pub(in super::super) const VALUES: i64 = 3;
    pub(in super::super) const VALUES_TRANSPOSED: i64 = 4;
    pub(in super::super) const OUT: i64 = 5;
    pub(in super::super) const LOG_SUMS: i64 = 6;
    pub(in super::super) const DOUT: i64 = 7;
    pub(in super::super) const DQUERIES: i64 = 8;
    pub(in super::super) const DKEYS: i64 = 9;
    pub(in super::super) const DVALUES: i64 = 10;
    pub(in super::super) const ROW_SUMS: i64 = 11;
    pub(in super::super) const QUERY_SUMS: i64 = 12;
    /// Numbers given with each run.
    pub(in super::super) const SCALE: i64 = 13;
    pub(in super::super) const MASKED: i64 = 14;
    pub(in super::super) const ONE: i64 = 15;
    /// The first of those without memory.
    pub(in super::super) const VIRTUAL: i64 = 100;
}

/// A graph while it is put together: operations, and the tensors that they name by position.
pub(super) struct Graph {
    tensors: Vec<Descriptor>,
    operations: Vec<Descriptor>,
    sizes: Sizes,
    next: i64,
}

/// A tensor of the graph.
#[derive(Clone, Copy)]
struct Tensor(usize);

#[derive(Clone, Copy)]
enum Memory {
    Real(i64),
    Number(i64),
    Virtual,
}

impl Graph {
    fn new(sizes: Sizes) -> Self {
        Self { tensors: Vec::new(), operations: Vec::new(), sizes, next: uid::VIRTUAL }
    }

    /// The operations in order; the graph must outlive what is made of them.
    pub(super) fn operations(&self) -> Vec<&Descriptor> {
        self.operations.iter().collect()
    }

    fn tensor(&mut self, dims: [i64; 4], strides: [i64; 4], data: Data, memory: Memory) -> Made<Tensor> {
        const ALIGNMENT_BYTES: i64 = 16;
        let uid = match memory {
            Memory::Real(uid) | Memory::Number(uid) => uid,
            Memory::Virtual => self.next,
        };
        self.next += 1;
        let tensor = Descriptor::new(Kind::CUDNN_BACKEND_TENSOR_DESCRIPTOR)?;
        tensor
            .integers(Name::CUDNN_ATTR_TENSOR_UNIQUE_ID, &[uid])?
            .data_type(Name::CUDNN_ATTR_TENSOR_DATA_TYPE, data)?
            .integers(Name::CUDNN_ATTR_TENSOR_DIMENSIONS, &dims)?
            .integers(Name::CUDNN_ATTR_TENSOR_STRIDES, &strides)?
            .integers(Name::CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, &[ALIGNMENT_BYTES])?
            .flag(Name::CUDNN_ATTR_TENSOR_IS_VIRTUAL, matches!(memory, Memory::Virtual))?
            .flag(Name::CUDNN_ATTR_TENSOR_IS_BY_VALUE, matches!(memory, Memory::Number(_)))?;
        self.tensors.push(tensor.finish()?);
        Ok(Tensor(self.tensors.len() - 1))
    }

    fn number(&mut self, uid: i64) -> Made<Tensor> {
        self.tensor([1; 4], [1; 4], Data::CUDNN_DATA_FLOAT, Memory::Number(uid))
    }

    /// A tensor without memory, its values one after another.
    fn packed(&mut self, dims: [i64; 4], data: Data) -> Made<Tensor> {
        let [_, heads, rows, columns] = dims;
        self.tensor(dims, [heads * rows * columns, rows * columns, columns, 1], data, Memory::Virtual)
    }

    /// (samples, heads, tokens, tokens).
    fn scores(&mut self, data: Data) -> Made<Tensor> {
        let tokens = self.sizes.tokens as i64;
        self.packed([self.sizes.samples as i64, self.sizes.heads as i64, tokens, tokens], data)
    }

    /// As [`Graph::scores`], queries and keys exchanged.
    fn scores_transposed(&mut self, data: Data) -> Made<Tensor> {
        let Sizes { samples, tokens, heads, .. } = self.sizes;
        let (samples, tokens, heads) = (samples as i64, tokens as i64, heads as i64);
        let strides = [heads * tokens * tokens, tokens * tokens, 1, tokens];
        self.tensor([samples, heads, tokens, tokens], strides, data, Memory::Virtual)
    }

    /// (samples, heads, tokens, 1): one number a query.
    fn lines(&mut self, memory: Memory) -> Made<Tensor> {
        let Sizes { samples, tokens, heads, .. } = self.sizes;
        let dims = [samples as i64, heads as i64, tokens as i64, 1];
        self.tensor(dims, [(heads * tokens) as i64, tokens as i64, 1, 1], Data::CUDNN_DATA_FLOAT, memory)
    }

    /// `heads` heads in rows of `line` values.
    fn rows(&mut self, uid: i64, heads: usize, line: usize, data: Data) -> Made<Tensor> {
        let (dims, strides) = self.interleaved(heads, line);
        self.tensor(dims, strides, data, Memory::Real(uid))
    }

    /// The same memory with tokens and width exchanged.
    fn rows_transposed(&mut self, uid: i64, heads: usize, line: usize) -> Made<Tensor> {
        let ([a, b, c, d], [e, f, g, h]) = self.interleaved(heads, line);
        self.tensor([a, b, d, c], [e, f, h, g], Data::CUDNN_DATA_BFLOAT16, Memory::Real(uid))
    }

    fn interleaved(&self, heads: usize, line: usize) -> ([i64; 4], [i64; 4]) {
        let Sizes { samples, tokens, head_dim, .. } = self.sizes;
        let dims = [samples, heads, tokens, head_dim].map(|n| n as i64);
        (dims, [tokens * line, head_dim, line, 1].map(|n| n as i64))
    }

    fn operation(
        &mut self,
        kind: Kind,
        parts: &[(Name, Tensor)],
        how: Option<(Name, Descriptor)>,
    ) -> Made<()> {
        let operation = Descriptor::new(kind)?;
        for (name, tensor) in parts {
            operation.descriptors(*name, &[&self.tensors[tensor.0]])?;
        }
        if let Some((name, descriptor)) = how {
            operation.descriptors(name, &[&descriptor])?;
            // It must outlive the operation.
            self.tensors.push(descriptor);
        }
        self.operations.push(operation.finish()?);
        Ok(())
    }

    fn multiply(&mut self, a: Tensor, b: Tensor, c: Tensor) -> Made<()> {
        let how = Descriptor::new(Kind::CUDNN_BACKEND_MATMUL_DESCRIPTOR)?;
        how.data_type(Name::CUDNN_ATTR_MATMUL_COMP_TYPE, Data::CUDNN_DATA_FLOAT)?;
        let parts = [
            (Name::CUDNN_ATTR_OPERATION_MATMUL_ADESC, a),
            (Name::CUDNN_ATTR_OPERATION_MATMUL_BDESC, b),
            (Name::CUDNN_ATTR_OPERATION_MATMUL_CDESC, c),
        ];
        let how = Some((Name::CUDNN_ATTR_OPERATION_MATMUL_DESC, how.finish()?));
        self.operation(Kind::CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, &parts, how)
    }

    fn reduce(&mut self, operator: Reduce, x: Tensor, y: Tensor) -> Made<()> {
        let how = Descriptor::new(Kind::CUDNN_BACKEND_REDUCTION_DESCRIPTOR)?;
        how.data_type(Name::CUDNN_ATTR_REDUCTION_COMP_TYPE, Data::CUDNN_DATA_FLOAT)?;
        let (name, kind) = (Name::CUDNN_ATTR_REDUCTION_OPERATOR, Type::CUDNN_TYPE_REDUCTION_OPERATOR_TYPE);
        how.set(name, kind, &[operator])?;
        let parts = [
            (Name::CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x),
            (Name::CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y),
        ];
        let how = Some((Name::CUDNN_ATTR_OPERATION_REDUCTION_DESC, how.finish()?));
        self.operation(Kind::CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, &parts, how)
    }

    fn reshape(&mut self, x: Tensor, y: Tensor) -> Made<()> {
        let parts =
            [(Name::CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x), (Name::CUDNN_ATTR_OPERATION_RESHAPE_YDESC, y)];
        self.operation(Kind::CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR, &parts, None)
    }

    fn pointwise(&mut self, how: Descriptor, parts: &[(Name, Tensor)]) -> Made<()> {
        let how = Some((Name::CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how.finish()?));
        self.operation(Kind::CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, parts, how)
    }

    fn one(&mut self, mode: Mode, x: Tensor, y: Tensor) -> Made<()> {
        self.pointwise(pointwise(mode, Data::CUDNN_DATA_FLOAT)?, &[X(x), Y(y)].map(part))
    }

    fn two(&mut self, mode: Mode, x: Tensor, b: Tensor, y: Tensor) -> Made<()> {
        self.pointwise(pointwise(mode, Data::CUDNN_DATA_FLOAT)?, &[X(x), B(b), Y(y)].map(part))
    }

    /// Of `x`, what lies at and below the diagonal; minus infinity above.
    fn causal(&mut self, x: Tensor) -> Made<Tensor> {
        let row = self.index(x, 2)?;
        let column = self.index(x, 3)?;
        let seen = self.scores(Data::CUDNN_DATA_BOOLEAN)?;
        let compare = pointwise(Mode::CUDNN_POINTWISE_CMP_GE, Data::CUDNN_DATA_BOOLEAN)?;
        self.pointwise(compare, &[X(row), B(column), Y(seen)].map(part))?;
        let (masked, out) = (self.number(uid::MASKED)?, self.scores(Data::CUDNN_DATA_FLOAT)?);
        let select = pointwise(Mode::CUDNN_POINTWISE_BINARY_SELECT, Data::CUDNN_DATA_FLOAT)?;
        self.pointwise(select, &[X(x), B(masked), T(seen), Y(out)].map(part))?;
        Ok(out)
    }

    /// Each position's number along `axis`.
    fn index(&mut self, x: Tensor, axis: i64) -> Made<Tensor> {
        let out = self.scores(Data::CUDNN_DATA_INT32)?;
        let how = pointwise(Mode::CUDNN_POINTWISE_GEN_INDEX, Data::CUDNN_DATA_INT32)?;
        how.integers(Name::CUDNN_ATTR_POINTWISE_AXIS, &[axis])?;
        self.pointwise(how, &[X(x), Y(out)].map(part))?;
        Ok(out)
    }

    /// `q·kᵀ·scale`.
    fn scaled_scores(&mut self, queries: Tensor, keys_transposed: Tensor, scale: Tensor) -> Made<Tensor> {
        let (product, scaled) = (self.scores(Data::CUDNN_DATA_FLOAT)?, self.scores(Data::CUDNN_DATA_FLOAT)?);
        self.multiply(queries, keys_transposed, product)?;
        self.two(Mode::CUDNN_POINTWISE_MUL, product, scale, scaled)?;
        Ok(scaled)
    }

    /// `out = left·right` by query heads, added up to `heads` heads where these are fewer.
    fn grouped(&mut self, left: Tensor, right: Tensor, uid: i64, line: usize) -> Made<()> {
        let Sizes { samples, tokens, heads, kv_heads, head_dim } = self.sizes;
        let out = self.rows(uid, kv_heads, line, Data::CUDNN_DATA_BFLOAT16)?;
        if heads == kv_heads {
            return self.multiply(left, right, out);
        }
        let dims = [samples, heads, tokens, head_dim].map(|n| n as i64);
        let each = self.packed(dims, Data::CUDNN_DATA_FLOAT)?;
        self.multiply(left, right, each)?;
        self.reduce(Reduce::CUDNN_REDUCE_TENSOR_ADD, each, out)
    }
}

/// A pointwise operation's sides.
enum Side {
    X(Tensor),
    B(Tensor),
    T(Tensor),
    Y(Tensor),
}
use Side::{B, T, X, Y};

fn part(side: Side) -> (Name, Tensor) {
    match side {
        X(tensor) => (Name::CUDNN_ATTR_OPERATION_POINTWISE_XDESC, tensor),
        B(tensor) => (Name::CUDNN_ATTR_OPERATION_POINTWISE_BDESC, tensor),
        T(tensor) => (Name::CUDNN_ATTR_OPERATION_POINTWISE_TDESC, tensor),
        Y(tensor) => (Name::CUDNN_ATTR_OPERATION_POINTWISE_YDESC, tensor),
    }
}

fn pointwise(mode: Mode, data: Data) -> Made<Descriptor> {
    let how = Descriptor::new(Kind::CUDNN_BACKEND_POINTWISE_DESCRIPTOR)?;
    how.set(Name::CUDNN_ATTR_POINTWISE_MODE, Type::CUDNN_TYPE_POINTWISE_MODE, &[mode])?;
    how.data_type(Name::CUDNN_ATTR_POINTWISE_MATH_PREC, data)?;
    Ok(how)
}

/// Values in a row of queries, keys and values.
fn line(sizes: &Sizes) -> usize {
    (sizes.heads + 2 * sizes.kv_heads) * sizes.head_dim
}

/// O = softmax(mask(Q·Kᵀ·scale))·V, and the logarithm of each row's denominator.
pub(super) fn forward(sizes: Sizes) -> Made<Graph> {
    let mut graph = Graph::new(sizes);
    let (float, bf16, line) = (Data::CUDNN_DATA_FLOAT, Data::CUDNN_DATA_BFLOAT16, line(&sizes));
    let queries = graph.rows(uid::QUERIES, sizes.heads, line, bf16)?;
    let keys = graph.rows_transposed(uid::KEYS_TRANSPOSED, sizes.kv_heads, line)?;
    let values = graph.rows(uid::VALUES, sizes.kv_heads, line, bf16)?;
    let scale = graph.number(uid::SCALE)?;
    let scaled = graph.scaled_scores(queries, keys, scale)?;
    let masked = graph.causal(scaled)?;
    let (max, sum, log) =
        (graph.lines(Memory::Virtual)?, graph.lines(Memory::Virtual)?, graph.lines(Memory::Virtual)?);
    let (shifted, raised) = (graph.scores(float)?, graph.scores(float)?);
    graph.reduce(Reduce::CUDNN_REDUCE_TENSOR_MAX, masked, max)?;
    graph.two(Mode::CUDNN_POINTWISE_SUB, masked, max, shifted)?;
    graph.one(Mode::CUDNN_POINTWISE_EXP, shifted, raised)?;
    graph.reduce(Reduce::CUDNN_REDUCE_TENSOR_ADD, raised, sum)?;
    graph.one(Mode::CUDNN_POINTWISE_LOG, sum, log)?;
    let log_sums = graph.lines(Memory::Real(uid::LOG_SUMS))?;
    graph.two(Mode::CUDNN_POINTWISE_ADD, max, log, log_sums)?;
    let probabilities = graph.scores(bf16)?;
    graph.two(Mode::CUDNN_POINTWISE_DIV, raised, sum, probabilities)?;
    let out = graph.rows(uid::OUT, sizes.heads, sizes.heads * sizes.head_dim, bf16)?;
    graph.multiply(probabilities, values, out)?;
    Ok(graph)
}

/// With P the probabilities and D the row sums of dO·O: dV = Pᵀ·dO; dS = P ∘ (dO·Vᵀ − D)·scale; dK = dSᵀ·Q;
/// dQ = dS·K.
pub(super) fn backward(sizes: Sizes) -> Made<Graph> {
    let mut graph = Graph::new(sizes);
    let (float, bf16, line) = (Data::CUDNN_DATA_FLOAT, Data::CUDNN_DATA_BFLOAT16, line(&sizes));
    let width = sizes.heads * sizes.head_dim;
    let dout = graph.rows(uid::DOUT, sizes.heads, width, bf16)?;
    let row_sums = row_sums(&mut graph, dout)?;
    let queries = graph.rows(uid::QUERIES, sizes.heads, line, bf16)?;
    let keys = graph.rows_transposed(uid::KEYS_TRANSPOSED, sizes.kv_heads, line)?;
    let values = graph.rows_transposed(uid::VALUES_TRANSPOSED, sizes.kv_heads, line)?;
    let scale = graph.number(uid::SCALE)?;
    let scaled = graph.scaled_scores(queries, keys, scale)?;
    let (log_sums, shifted) = (graph.lines(Memory::Real(uid::LOG_SUMS))?, graph.scores(float)?);
    graph.two(Mode::CUDNN_POINTWISE_SUB, scaled, log_sums, shifted)?;
    let masked = graph.causal(shifted)?;
    let (probabilities, transposed) = (graph.scores(float)?, graph.scores_transposed(bf16)?);
    graph.one(Mode::CUDNN_POINTWISE_EXP, masked, probabilities)?;
    graph.reshape(probabilities, transposed)?;
    graph.grouped(transposed, dout, uid::DVALUES, line)?;
    let dscores = score_gradient(&mut graph, [dout, values, row_sums, probabilities, scale])?;
    let dscores_transposed = graph.scores_transposed(bf16)?;
    graph.reshape(dscores, dscores_transposed)?;
    graph.grouped(dscores_transposed, queries, uid::DKEYS, line)?;
    query_gradient(&mut graph, dscores, keys, line)?;
    Ok(graph)
}

/// D, into memory.
fn row_sums(graph: &mut Graph, dout: Tensor) -> Made<Tensor> {
    let Sizes { samples, tokens, heads, head_dim, .. } = graph.sizes;
    let out = graph.rows(uid::OUT, heads, heads * head_dim, Data::CUDNN_DATA_BFLOAT16)?;
    let dims = [samples, heads, tokens, head_dim].map(|n| n as i64);
    let product = graph.packed(dims, Data::CUDNN_DATA_FLOAT)?;
    graph.two(Mode::CUDNN_POINTWISE_MUL, dout, out, product)?;
    let sum = graph.lines(Memory::Virtual)?;
    graph.reduce(Reduce::CUDNN_REDUCE_TENSOR_ADD, product, sum)?;
    let (one, kept) = (graph.number(uid::ONE)?, graph.lines(Memory::Real(uid::ROW_SUMS))?);
    graph.two(Mode::CUDNN_POINTWISE_MUL, sum, one, kept)?;
    Ok(kept)
}

/// dS.
fn score_gradient(
    graph: &mut Graph,
    [dout, values, row_sums, probabilities, scale]: [Tensor; 5],
) -> Made<Tensor> {
    let float = Data::CUDNN_DATA_FLOAT;
    let (product, centred) = (graph.scores(float)?, graph.scores(float)?);
    graph.multiply(dout, values, product)?;
    graph.two(Mode::CUDNN_POINTWISE_SUB, product, row_sums, centred)?;
    let (weighed, dscores) = (graph.scores(float)?, graph.scores(float)?);
    graph.two(Mode::CUDNN_POINTWISE_MUL, centred, probabilities, weighed)?;
    graph.two(Mode::CUDNN_POINTWISE_MUL, weighed, scale, dscores)?;
    Ok(dscores)
}

/// dQ, by way of f32 sums in memory.
fn query_gradient(graph: &mut Graph, dscores: Tensor, keys_transposed: Tensor, line: usize) -> Made<()> {
    let Sizes { samples, tokens, heads, kv_heads, head_dim } = graph.sizes;
    let dims = [samples, kv_heads, tokens, head_dim].map(|n| n as i64);
    let keys = graph.packed(dims, Data::CUDNN_DATA_FLOAT)?;
    graph.reshape(keys_transposed, keys)?;
    let dims = [samples, heads, tokens, head_dim].map(|n| n as i64);
    let strides = [heads * tokens * head_dim, tokens * head_dim, head_dim, 1].map(|n| n as i64);
    let sums = graph.tensor(dims, strides, Data::CUDNN_DATA_FLOAT, Memory::Real(uid::QUERY_SUMS))?;
    graph.multiply(dscores, keys, sums)?;
    let out = graph.rows(uid::DQUERIES, heads, line, Data::CUDNN_DATA_BFLOAT16)?;
    graph.one(Mode::CUDNN_POINTWISE_IDENTITY, sums, out)
}
