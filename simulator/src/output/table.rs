//! A table of typed cells that is written in any format.

use crate::series::{ActorRow, GlobalRow, GroupRow, Series, SubnetRow};
use crate::world::Cast;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Whole numbers from zero.
    Unsigned,
    /// Whole numbers.
    Signed,
    /// Numbers with a fraction.
    Float,
    /// Text.
    Text,
}

/// A column's name and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name.
    pub name: String,
    /// The kind of all its cells.
    pub kind: ColumnKind,
}

impl Column {
    /// A column.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: ColumnKind) -> Self {
        Self { name: name.into(), kind }
    }
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Of an unsigned or signed column.
    Int(i128),
    /// Of a float column.
    Float(f64),
    /// Of a text column.
    Text(&'a str),
}

type Fill<'a> = Box<dyn Fn(usize, &mut Vec<Cell<'a>>) + Send + Sync + 'a>;

/// Rows that are made one at a time.
pub struct Table<'a> {
    /// The name, which is also the file's.
    pub name: &'static str,
    /// The columns in order.
    pub columns: Vec<Column>,
    /// Number of rows.
    pub rows: usize,
    fill: Fill<'a>,
}

impl std::fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("name", &self.name).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl<'a> Table<'a> {
    /// A table whose row `at` is appended to the empty vector by `fill`, one cell per column, each of its kind.
    pub fn new(
        name: &'static str,
        columns: Vec<Column>,
        rows: usize,
        fill: impl Fn(usize, &mut Vec<Cell<'a>>) + Send + Sync + 'a,
    ) -> Self {
        Self { name, columns, rows, fill: Box::new(fill) }
    }

    /// One row's cells.
    pub fn row(&self, at: usize, cells: &mut Vec<Cell<'a>>) {
        cells.clear();
        (self.fill)(at, cells);
        debug_assert_eq!(cells.len(), self.columns.len(), "one cell per column");
    }
}

fn columns(names: &[&str], signed: &[bool]) -> Vec<Column> {
    let kind = |signed: bool| if signed { ColumnKind::Signed } else { ColumnKind::Unsigned };
    names.iter().zip(signed).map(|(name, signed)| Column::new(*name, kind(*signed))).collect()
}

fn ints<'a>(cells: &mut Vec<Cell<'a>>, values: &[i128]) {
    cells.extend(values.iter().map(|value| Cell::Int(*value)));
}

/// The tables of a run; the actors' only if they were recorded.
pub(super) fn of_series<'a>(series: &'a Series, cast: &'a Cast) -> Vec<Table<'a>> {
    let mut tables = vec![global(series), subnets(series), groups(series, cast)];
    if !series.actors.is_empty() {
        tables.push(actors(series, cast));
    }
    tables
}

fn global(series: &Series) -> Table<'_> {
    let columns = columns(GlobalRow::COLUMNS, GlobalRow::SIGNED);
    Table::new("global", columns, series.global.len(), |at, cells| ints(cells, &series.global[at].values()))
}

/// Prices also as numbers, for people.
fn subnets(series: &Series) -> Table<'_> {
    const ONE_Q32: f64 = 4_294_967_296.0;
    let mut columns = columns(SubnetRow::COLUMNS, SubnetRow::SIGNED);
    columns.push(Column::new("price", ColumnKind::Float));
    columns.push(Column::new("moving_price", ColumnKind::Float));
    Table::new("subnets", columns, series.subnets.len(), move |at, cells| {
        let row = &series.subnets[at];
        ints(cells, &row.values());
        cells.push(Cell::Float(row.price_q32 as f64 / ONE_Q32));
        cells.push(Cell::Float(row.moving_price_q32 as f64 / ONE_Q32));
    })
}

/// Names in front of a table's own columns.
fn with_names(names: &[&str], own: Vec<Column>) -> Vec<Column> {
    names.iter().map(|name| Column::new(*name, ColumnKind::Text)).chain(own).collect()
}

fn groups<'a>(series: &'a Series, cast: &'a Cast) -> Table<'a> {
    let columns = with_names(&["name", "kind"], columns(GroupRow::COLUMNS, GroupRow::SIGNED));
    Table::new("groups", columns, series.groups.len(), move |at, cells| {
        let row = &series.groups[at];
        let group = &cast.groups[row.group as usize];
        cells.extend([Cell::Text(&group.name), Cell::Text(group.kind.name())]);
        ints(cells, &row.values());
    })
}

fn actors<'a>(series: &'a Series, cast: &'a Cast) -> Table<'a> {
    let columns = with_names(&["name"], columns(ActorRow::COLUMNS, ActorRow::SIGNED));
    Table::new("actors", columns, series.actors.len(), move |at, cells| {
        let row = &series.actors[at];
        cells.push(Cell::Text(&cast.actors[row.actor as usize].name));
        ints(cells, &row.values());
    })
}
