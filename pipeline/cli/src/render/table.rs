//! Tables.

use comfy_table::{ContentArrangement, Table, presets};

use crate::output::data;

/// A plain table of texts; every cell is treated as coming from outside.
pub(crate) fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(head);
    for row in rows {
        table.add_row(row.map(|cell| data(&cell)));
    }
    table.to_string()
}
