//! Plain tables: columns, no lines.

use comfy_table::{CellAlignment, Table, presets};

/// A table with these headings, whose columns from `numbers` on are aligned as numbers are.
pub fn table(headings: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(headings.to_vec());
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= numbers {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
