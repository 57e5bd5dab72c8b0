//! The curve of URLs still alive, drawn in characters: what lives on, what may end, and what is lost.

use super::told::count;
use crate::cli::say;
use crate::grpc::proto::CurvePoint;

/// The curve; nothing where nothing is alive.
pub(super) fn drawn(points: &[CurvePoint]) -> Vec<String> {
    let most = points.iter().map(|point| point.alive).max().unwrap_or(0);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let (from, to) = (second(first), second(last));
    if most == 0 || from >= to {
        return Vec::new();
    }
    let instant = |column: i64| from + (to - from) * column / (WIDTH - 1);
    let columns: Vec<[u64; 3]> = (0..WIDTH).map(|column| cells(at(points, instant(column)), most)).collect();
    let scale = count(most);
    let mut lines = Vec::new();
    for row in (0..HEIGHT).rev() {
        let label = match row {
            _ if row == HEIGHT - 1 => scale.clone(),
            0 => "0".to_owned(),
            _ => String::new(),
        };
        let bars: String = columns.iter().map(|column| bar(column, row)).collect();
        lines.push(format!("{label:>width$} │{}", bars.trim_end(), width = scale.len()));
    }
    let indent = " ".repeat(scale.len());
    let (begin, end) = (say::time(first.at.as_ref()), say::time(last.at.as_ref()));
    let gap = usize::try_from(WIDTH).unwrap_or_default().saturating_sub(begin.len() + end.len());
    lines.push(format!("{indent} └{}", "─".repeat(usize::try_from(WIDTH).unwrap_or_default())));
    lines.push(format!("{indent}  {begin}{}{end}", " ".repeat(gap)));
    let kinds = [(LIVES, "alive", true), (MAY, "may end", any_may(points)), (LOST, "lost", any_lost(points))];
    let legend = kinds.iter().filter(|(.., shown)| *shown).map(|(sign, name, _)| format!("{sign} {name}"));
    lines.push(format!("{indent}  {}", legend.collect::<Vec<_>>().join("   ")));
    lines
}

/// The sign of a cell: the column is filled from below with what lives, what may end, and what is lost.
fn bar(column: &[u64; 3], row: u64) -> char {
    let [lives, may, lost] = *column;
    match row {
        row if row < lives => LIVES,
        row if row < lives + may => MAY,
        row if row < lives + may + lost => LOST,
        _ => ' ',
    }
}

/// How many cells each part of a column takes. A part that is not nothing is seen, however small it is, as long as there
/// are cells for all.
fn cells(point: &CurvePoint, most: u64) -> [u64; 3] {
    let height = |urls: u64| u64::try_from((u128::from(urls) * u128::from(HEIGHT)).div_ceil(u128::from(most.max(1))));
    let height = |urls: u64| height(urls).unwrap_or(HEIGHT).min(HEIGHT);
    let (sure, all) = (point.alive_after.min(point.alive), point.alive);
    let open = (point.alive_after + point.maybe_after).min(all);
    let parts = [sure, open - sure, all - open];
    let whole = height(all).max(parts.iter().filter(|part| **part > 0).count() as u64);
    let mut cells = [height(sure), height(open).saturating_sub(height(sure)), 0];
    cells[2] = whole.saturating_sub(cells[0] + cells[1]);
    for part in [2, 1, 0] {
        if parts[part] > 0 && cells[part] == 0 {
            let widest = if cells[0] >= cells[1] && cells[0] >= cells[2] {
                0
            } else if cells[1] >= cells[2] {
                1
            } else {
                2
            };
            cells[widest] = cells[widest].saturating_sub(1);
            cells[part] = 1;
        }
    }
    cells
}

/// What holds at an instant: the last point that is not after it.
fn at(points: &[CurvePoint], instant: i64) -> &CurvePoint {
    let next = points.partition_point(|point| second(point) <= instant);
    &points[next.saturating_sub(1)]
}

fn second(point: &CurvePoint) -> i64 {
    point.at.as_ref().map_or(0, |at| at.seconds)
}

fn any_may(points: &[CurvePoint]) -> bool {
    points.iter().any(|point| point.maybe_after > 0)
}

fn any_lost(points: &[CurvePoint]) -> bool {
    points.iter().any(|point| point.alive > point.alive_after + point.maybe_after)
}

const LIVES: char = '█';
const MAY: char = '▒';
const LOST: char = '░';
/// With the labels it fits into 80 columns, up to millions of URLs.
const WIDTH: i64 = 64;
const HEIGHT: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn point(seconds: i64, alive: u64, alive_after: u64, maybe_after: u64) -> CurvePoint {
        CurvePoint { at: Some(prost_types::Timestamp { seconds, nanos: 0 }), alive, alive_after, maybe_after }
    }

    #[test]
    fn each_column_shows_what_lives_what_may_end_and_what_is_lost() {
        let lines = drawn(&[point(0, 8, 8, 0), point(50, 8, 4, 2), point(100, 0, 0, 0)]);
        let column =
            |at: usize| lines[..8].iter().map(|line| line.chars().nth(3 + at).unwrap_or(' ')).collect::<String>();
        assert_eq!(
            (column(0).as_str(), column(40).as_str(), column(63).as_str()),
            ("████████", "░░▒▒████", "        ")
        );
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        assert!(lines[9].contains("1970-01-01T00:00:00Z") && lines[9].ends_with("1970-01-01T00:01:40Z"));
        assert_eq!(lines[10].trim(), "█ alive   ▒ may end   ░ lost");
    }

    #[test]
    fn a_million_fits_into_eighty_columns_and_one_is_seen() {
        let lines = drawn(&[point(0, 1_000_000, 1, 0), point(100, 0, 0, 0)]);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        assert!(lines[7].contains('█') && lines[6].contains('░'), "one URL of a million is still a bar: {lines:#?}");
        let lines = drawn(&[point(0, 1_000_000, 999_998, 1), point(100, 0, 0, 0)]);
        assert!(
            lines[0].contains('░') && lines[1].contains('▒') && lines[2].contains('█'),
            "and one that is lost: {lines:#?}"
        );
    }

    #[test]
    fn nothing_alive_is_no_curve() {
        assert!(drawn(&[]).is_empty() && drawn(&[point(0, 0, 0, 0)]).is_empty());
    }
}
