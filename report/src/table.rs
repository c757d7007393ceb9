//! Tables.

use std::fmt::Write;

use crate::escape::Escaped;

/// Which side a column's cells stand at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// Text.
    #[default]
    Left,
    /// Numbers.
    Right,
}

/// A table of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Rows beyond this are counted, not shown, so that a page stays small.
    pub const ROWS_MAX: usize = 2_000;

    /// A table with these columns.
    #[must_use]
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = (S, Align)>) -> Self {
        Self {
            columns: columns.into_iter().map(|(name, align)| (name.into(), align)).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells are empty, further ones are dropped.
    pub fn push<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut row: Vec<String> = cells.into_iter().map(Into::into).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn write_html(&self, out: &mut String) {
        // A table of numbers says so once: cells outnumber everything else on a page.
        let numeric = self.columns.iter().all(|(_, align)| *align == Align::Right);
        let kind = if numeric { " class=\"num\"" } else { "" };
        let _ = write!(out, "<div class=\"scroll\"><table{kind}><thead><tr>");
        for (name, align) in &self.columns {
            let class = if numeric { "" } else { class(*align) };
            let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", Escaped(name));
        }
        out.push_str("</tr></thead><tbody>");
        for row in self.rows.iter().take(Self::ROWS_MAX) {
            self.write_row(row, numeric, out);
        }
        out.push_str("</tbody></table></div>");
        if self.rows.len() > Self::ROWS_MAX {
            let _ = write!(out, "<p>{} further rows are in the data.</p>", self.rows.len() - Self::ROWS_MAX);
        }
    }

    fn write_row(&self, row: &[String], numeric: bool, out: &mut String) {
        out.push_str("<tr>");
        for (cell, (_, align)) in row.iter().zip(&self.columns) {
            let class = if numeric { "" } else { class(*align) };
            let _ = write!(out, "<td{class}>{}</td>", Escaped(cell));
        }
        out.push_str("</tr>");
    }
}

fn class(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => " class=\"n\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_numbers_says_so_once() {
        let mut table = Table::new([("x", Align::Right), ("y", Align::Right)]);
        table.push(["1", "2"]);
        let mut html = String::new();
        table.write_html(&mut html);
        assert!(html.contains("<table class=\"num\">") && html.contains("<td>1</td><td>2</td>"));
    }

    #[test]
    fn rows_have_as_many_cells_as_there_are_columns() {
        let mut table = Table::new([("uid", Align::Right), ("why", Align::Left)]);
        table.push(["1"]);
        table.push(["2", "<late>", "dropped"]);
        let mut html = String::new();
        table.write_html(&mut html);
        assert_eq!(html.matches("<td").count(), 4);
        assert!(html.contains("&lt;late&gt;") && !html.contains("dropped"));
    }
}
