//! Tables as CSV.

use std::io::{self, Write};

use super::{Cell, Table};

/// Writes a table with a header line; floats in their shortest form that reads back the same.
pub(super) fn write(table: &Table<'_>, to: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(to);
    writer.write_record(table.columns.iter().map(|column| column.name.as_str()))?;
    let (mut cells, mut texts) = (Vec::new(), Vec::new());
    for at in 0..table.rows {
        table.row(at, &mut cells);
        texts.clear();
        texts.extend(cells.iter().map(text));
        writer.write_record(&texts)?;
    }
    writer.flush()
}

fn text(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Int(value) => value.to_string(),
        Cell::Float(value) => value.to_string(),
        Cell::Text(text) => (*text).to_owned(),
    }
}
