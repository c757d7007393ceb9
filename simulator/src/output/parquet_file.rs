//! Tables as Parquet: integers as 64 bits with their sign, floats as doubles, text as UTF-8, Snappy.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::{Cell, Column, ColumnKind, Table};

/// Rows that are held in memory as columns at a time.
const GROUP_ROWS: usize = 65_536;

pub(super) fn write(table: &Table<'_>, to: impl Write + Send) -> Result<()> {
    let fields = table.columns.iter().map(|column| field(column).map(Arc::new)).collect::<Result<_>>()?;
    let schema = Type::group_type_builder(table.name).with_fields(fields).build()?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties))?;
    for from in (0..table.rows).step_by(GROUP_ROWS) {
        let buffers = buffers(table, from..table.rows.min(from + GROUP_ROWS));
        let mut group = writer.next_row_group()?;
        for buffer in &buffers {
            let column = group.next_column()?.expect("one buffer per column of the schema");
            buffer.write(column)?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

fn field(column: &Column) -> Result<Type> {
    let integer = |is_signed| Some(LogicalType::integer(64, is_signed));
    let (physical, logical) = match column.kind {
        ColumnKind::Unsigned => (Physical::INT64, integer(false)),
        ColumnKind::Signed => (Physical::INT64, integer(true)),
        ColumnKind::Float => (Physical::DOUBLE, None),
        ColumnKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let builder = Type::primitive_type_builder(&column.name, physical);
    builder.with_repetition(Repetition::REQUIRED).with_logical_type(logical).build()
}

enum Buffer {
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Vec<ByteArray>),
}

impl Buffer {
    fn of(kind: ColumnKind, rows: usize) -> Self {
        match kind {
            ColumnKind::Unsigned | ColumnKind::Signed => Self::Int(Vec::with_capacity(rows)),
            ColumnKind::Float => Self::Float(Vec::with_capacity(rows)),
            ColumnKind::Text => Self::Text(Vec::with_capacity(rows)),
        }
    }

    /// Unsigned numbers above 2⁶³ keep their bits, as the format wants it.
    fn push(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Int(values), Cell::Int(value)) => values.push(*value as i64),
            (Self::Float(values), Cell::Float(value)) => values.push(*value),
            (Self::Text(values), Cell::Text(text)) => values.push(ByteArray::from(*text)),
            _ => unreachable!("a table's cells are of their columns' kinds"),
        }
    }

    fn write(&self, mut column: SerializedColumnWriter<'_>) -> Result<()> {
        match self {
            Self::Int(values) => column.typed::<Int64Type>().write_batch(values, None, None)?,
            Self::Float(values) => column.typed::<DoubleType>().write_batch(values, None, None)?,
            Self::Text(values) => column.typed::<ByteArrayType>().write_batch(values, None, None)?,
        };
        column.close()
    }
}

fn buffers(table: &Table<'_>, rows: std::ops::Range<usize>) -> Vec<Buffer> {
    let mut buffers: Vec<Buffer> = table.columns.iter().map(|c| Buffer::of(c.kind, rows.len())).collect();
    let mut cells = Vec::new();
    for at in rows {
        table.row(at, &mut cells);
        buffers.iter_mut().zip(&cells).for_each(|(buffer, cell)| buffer.push(cell));
    }
    buffers
}
