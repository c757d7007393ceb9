//! Tables as JSON: `{"columns": [...], "rows": [[...], ...]}`, one row per line.

use std::io::{self, Write};

use super::{Cell, Table};

pub(super) fn write(table: &Table<'_>, mut to: impl Write) -> io::Result<()> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    write!(to, "{{\"columns\":{},\"rows\":[", serde_json::to_string(&names)?)?;
    let mut cells = Vec::new();
    for at in 0..table.rows {
        table.row(at, &mut cells);
        to.write_all(if at == 0 { b"\n[" } else { b",\n[" })?;
        for (column, cell) in cells.iter().enumerate() {
            if column > 0 {
                to.write_all(b",")?;
            }
            write_cell(cell, &mut to)?;
        }
        to.write_all(b"]")?;
    }
    to.write_all(b"\n]}\n")?;
    to.flush()
}

/// JSON has no NaN and no infinity; they become null.
fn write_cell(cell: &Cell<'_>, to: &mut impl Write) -> io::Result<()> {
    match cell {
        Cell::Int(value) => write!(to, "{value}"),
        Cell::Float(value) if value.is_finite() => write!(to, "{value}"),
        Cell::Float(_) => to.write_all(b"null"),
        Cell::Text(text) => Ok(serde_json::to_writer(to, text)?),
    }
}
