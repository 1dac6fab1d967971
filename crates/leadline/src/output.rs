//! Documents as people and spreadsheets read them.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Writes to stdout. Whoever stopped reading, such as `head`, has what it wanted: that is no failure.
#[expect(
    clippy::exit,
    reason = "nobody reads any more: there is nothing left to do, and nothing to unwind"
)]
pub(crate) fn write(text: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    if let Err(error) = std::io::stdout().lock().write_fmt(text) {
        let code = i32::from(error.kind() != std::io::ErrorKind::BrokenPipe);
        std::process::exit(code);
    }
}

/// Writes a line to stdout.
macro_rules! say {
    ($($line:tt)*) => { $crate::output::write(format_args!("{}\n", format_args!($($line)*))) };
}
pub(crate) use say;

/// Most columns of a table on a screen; `--format json` and `csv` show all.
const COLUMNS_SHOWN_MAX: usize = 12;
/// Most rows of a table on a screen.
const ROWS_SHOWN_MAX: usize = 50;

/// A value in one cell. Money columns end in `_minor` and are shown as such: units are in the column's name.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// The columns of rows: those of `order` first, then what the rows have beside them.
fn columns(rows: &[Value], order: &[&str]) -> Vec<String> {
    let mut columns: Vec<String> = order
        .iter()
        .filter(|name| rows.is_empty() || rows.iter().any(|row| row.get(**name).is_some()))
        .map(|name| (*name).to_owned())
        .collect();
    for row in rows.iter().filter_map(Value::as_object) {
        for name in row.keys() {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
    }
    columns
}

/// Some columns of rows as a table.
pub(crate) fn table_of(rows: &[Value], columns: &[&str]) -> String {
    let narrow: Vec<Value> = rows
        .iter()
        .map(|row| {
            columns
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone())))
                .collect()
        })
        .collect();
    table(&narrow, columns)
}

/// Rows as a table; columns in which nothing stands are left out.
pub(crate) fn table(rows: &[Value], order: &[&str]) -> String {
    let shown = rows.get(..rows.len().min(ROWS_SHOWN_MAX)).unwrap_or_default();
    let mut columns = columns(shown, order);
    columns
        .retain(|name| shown.iter().any(|row| row.get(name).is_some_and(|value| !value.is_null())));
    let hidden = columns.len().saturating_sub(COLUMNS_SHOWN_MAX);
    columns.truncate(COLUMNS_SHOWN_MAX);
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(columns.clone());
    for row in shown {
        table.add_row(columns.iter().map(|name| row.get(name).map(cell).unwrap_or_default()));
    }
    for (index, name) in columns.iter().enumerate() {
        let numbers = shown
            .iter()
            .all(|row| row.get(name).is_none_or(|value| value.is_number() || value.is_null()));
        if let (true, Some(column)) = (numbers, table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = table.to_string();
    if rows.len() > shown.len() {
        let _written = write!(
            text,
            "\n… {} more rows: --format json or csv shows all",
            rows.len() - shown.len()
        );
    }
    if hidden > 0 {
        // Writing to a string cannot fail.
        let _written = write!(text, "\n… {hidden} more columns: --format json or csv shows all");
    }
    text
}

/// Rows as comma-separated values (RFC 4180).
pub(crate) fn csv(rows: &[Value], order: &[&str]) -> String {
    let columns = columns(rows, order);
    let mut text = line(columns.iter().cloned());
    for row in rows {
        text.push_str(&line(
            columns.iter().map(|name| row.get(name).map(csv_cell).unwrap_or_default()),
        ));
    }
    text
}

/// A value in one cell of CSV. Texts that a spreadsheet would take for formulas are disarmed.
fn csv_cell(value: &Value) -> String {
    let text = cell(value);
    let formula = value.is_string() && text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if formula { format!("'{text}") } else { text }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let quoted: Vec<String> = cells
        .map(|cell| {
            if cell.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell
            }
        })
        .collect();
    format!("{}\r\n", quoted.join(","))
}

/// The scalar fields of an object as `name  value` lines.
pub(crate) fn fields(object: &Map<String, Value>) -> String {
    let width = object.keys().map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "{name:width$}  {}", cell(value));
    }
    text
}

/// The documented order of the columns of a view's table.
pub(crate) fn order(view: &str, table: &str) -> Vec<&'static str> {
    leadline_views::query::question(view)
        .and_then(|question| question.tables.iter().find(|one| one.name == table))
        .map(|table| table.columns.iter().map(|column| column.name).collect())
        .unwrap_or_default()
}

/// A view's document: totals, then each of its tables that has rows.
pub(crate) fn document(view: &str, document: &Value) -> String {
    let mut text = String::new();
    if let Some(totals) =
        document.get("totals").and_then(Value::as_object).filter(|totals| !totals.is_empty())
    {
        text.push_str(&fields(totals));
    }
    let tables = leadline_views::query::question(view).map_or(&[][..], |question| question.tables);
    for known in tables {
        let rows =
            document.get(known.name).and_then(Value::as_array).filter(|rows| !rows.is_empty());
        if let Some(rows) = rows {
            let _written = write!(
                text,
                "\n{}: {}\n{}\n",
                known.name,
                known.doc,
                table(rows, &order(view, known.name))
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn csv_quotes_what_would_break_a_line_and_disarms_formulas() {
        let rows = [json!({"a": "x,\"y\"", "b": 1}), json!({"a": "=1+1", "c": null})];
        assert_eq!(csv(&rows, &["b", "a"]), "b,a,c\r\n1,\"x,\"\"y\"\"\",\r\n,'=1+1,\r\n");
        for text in ["+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"] {
            let csv = csv(&[json!({"a": text})], &[]);
            assert_eq!(
                csv.trim_start_matches("a\r\n").trim_start_matches('"').chars().next(),
                Some('\''),
                "{csv}"
            );
        }
        assert_eq!(csv(&[json!({"a": -1})], &[]), "a\r\n-1\r\n", "a number is no formula");
    }
}
