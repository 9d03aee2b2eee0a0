//! Reading an input record by record, without holding it whole where its lines allow.

use std::io::BufRead;

use aisaws_core::event::Event;
use aisaws_core::port::DeadLetter;
use aisaws_core::source::{Shape, check, cloudtrail, recognise};

use super::files::{Input, InputError};
use super::unwrap::{Piece, split};

/// What of a broken record is kept.
const KEPT_BYTES: usize = 64 * 1024;
/// The longest line or document that is taken into memory.
const MAX_BYTES: usize = 1 << 30;
/// How often a list of records may stand in another.
const MAX_WRAPPERS: u8 = 2;

/// One record, or what could not be read as one.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// An event and the line it stands in (or begins), from 1.
    Event(Box<Event>, u64),
    /// Not an event, with file, line and reason.
    Dead(DeadLetter),
}

/// Reads every record of `input` and hands it to `sink`, until the sink says `false`.
/// `progress` is told how many bytes (unpacked) each step took.
///
/// # Errors
/// [`InputError`] where the input cannot be opened. What breaks later (a torn gzip, a broken
/// line) becomes a dead letter.
pub fn read_records(
    input: &Input,
    sink: &mut dyn FnMut(Item) -> bool,
    progress: &mut dyn FnMut(usize),
) -> Result<(), InputError> {
    let mut reader = input.open()?;
    let origin = input.name();
    let mut place = Place { origin: &origin, line: 1 };
    let mut buffer = Vec::new();
    // The first two lines tell whether each line stands for itself.
    if let Err(e) = read_line(&mut reader, &mut buffer) {
        sink(place.dead(format!("the input could not be read: {e}"), ""));
        return Ok(());
    }
    // A cut record in the first line is followed by the next record; an array that goes over
    // lines is not one.
    let second_line_starts_anew = !buffer.trim_ascii_start().starts_with(b"[")
        && reader.fill_buf().is_ok_and(|rest| matches!(rest.first(), Some(b'{') | None));
    if !stands_for_itself(&buffer) && !second_line_starts_anew {
        read_document(reader.as_mut(), buffer, &place, sink, progress);
        return Ok(());
    }
    loop {
        progress(buffer.len());
        if !line(&buffer, &place, sink) {
            return Ok(());
        }
        place.line += 1;
        buffer.clear();
        match read_line(&mut reader, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(e) => {
                sink(place.dead(format!("the input ends early: {e}"), &lossy(&buffer)));
                return Ok(());
            }
        }
    }
}

/// Reads every record of one text, such as the body of a message, and hands it to `sink` until
/// the sink says `false`. `origin` names it in dead letters; a text without a record is one.
pub fn read_text(origin: &str, text: &str, sink: &mut dyn FnMut(Item) -> bool) {
    let place = Place { origin, line: 1 };
    let mut is_empty = true;
    line(text.as_bytes(), &place, &mut |item| {
        is_empty = false;
        sink(item)
    });
    if is_empty {
        sink(place.dead("there is no record in it".to_owned(), text));
    }
}

/// Where a record stands.
struct Place<'a> {
    origin: &'a str,
    line: u64,
}

impl Place<'_> {
    fn dead(&self, reason: String, content: &str) -> Item {
        Item::Dead(dead_letter(self.origin, self.line, reason, content))
    }
}

/// A record that could not be read, its content cut to what is kept.
pub(crate) fn dead_letter(origin: &str, line: u64, reason: String, content: &str) -> DeadLetter {
    let mut end = content.len().min(KEPT_BYTES);
    while !content.is_char_boundary(end) {
        end -= 1;
    }
    let content = content.get(..end).unwrap_or_default().to_owned();
    DeadLetter { origin: origin.to_owned(), line, reason, content }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..KEPT_BYTES.min(bytes.len())).unwrap_or_default())
        .into_owned()
}

fn read_line(reader: &mut dyn BufRead, buffer: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut total = 0;
    loop {
        let available = match reader.fill_buf() {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let newline = memchr::memchr(b'\n', available);
        let taken = newline.map_or(available.len(), |i| i + 1);
        buffer.extend_from_slice(available.get(..taken).unwrap_or_default());
        reader.consume(taken);
        total += taken;
        if newline.is_some() || taken == 0 {
            return Ok(total);
        }
        if buffer.len() > MAX_BYTES {
            return Err(std::io::Error::other("a line of more than 1 GiB"));
        }
    }
}

/// Whether a line is one or more whole JSON values (or nothing that JSON could begin with).
fn stands_for_itself(line: &[u8]) -> bool {
    match std::str::from_utf8(line) {
        Ok(text) => split(text).iter().all(|p| matches!(p, Piece::Object(_))) || !opens_json(text),
        Err(_) => true,
    }
}

fn opens_json(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('{') || text.starts_with('[')
}

fn line(bytes: &[u8], place: &Place<'_>, sink: &mut dyn FnMut(Item) -> bool) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return sink(place.dead("this is not UTF-8 text".to_owned(), &lossy(bytes)));
    };
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return true;
    }
    if let Some(event) = call(text) {
        return sink(Item::Event(Box::new(event), place.line));
    }
    for piece in split(text) {
        let goes_on = match piece {
            Piece::Object(span) => object(text.get(span).unwrap_or_default(), place, sink, 0),
            Piece::Broken(span, reason) => {
                sink(place.dead(reason, text.get(span).unwrap_or_default()))
            }
        };
        if !goes_on {
            return false;
        }
    }
    true
}

fn read_document(
    reader: &mut dyn BufRead,
    mut bytes: Vec<u8>,
    start: &Place<'_>,
    sink: &mut dyn FnMut(Item) -> bool,
    progress: &mut dyn FnMut(usize),
) {
    let mut torn = None;
    loop {
        match read_line(reader, &mut bytes) {
            Ok(0) => break,
            Ok(_) if bytes.len() > MAX_BYTES => {
                torn = Some(
                    "the document is larger than 1 GiB; give it as one record a line".to_owned(),
                );
                break;
            }
            Ok(_) => {}
            Err(e) => {
                torn = Some(format!("the input ends early: {e}"));
                break;
            }
        }
    }
    progress(bytes.len());
    let text = String::from_utf8_lossy(&bytes);
    let mut place = Place { origin: start.origin, line: start.line };
    let mut counted = 0;
    for piece in split(&text) {
        let (Piece::Object(span) | Piece::Broken(span, _)) = &piece;
        let before = text.as_bytes().get(counted..span.start).unwrap_or_default();
        place.line += memchr::memchr_iter(b'\n', before).count() as u64;
        counted = span.start;
        let goes_on = match piece {
            Piece::Object(span) => object(text.get(span).unwrap_or_default(), &place, sink, 0),
            Piece::Broken(span, reason) => {
                let reason = torn.take().unwrap_or(reason);
                sink(place.dead(reason, text.get(span).unwrap_or_default()))
            }
        };
        if !goes_on {
            return;
        }
    }
    if let Some(reason) = torn {
        sink(place.dead(reason, ""));
    }
}

/// The common case first: a bare record of a call is parsed once and nothing else is asked of it.
fn call(text: &str) -> Option<Event> {
    let event = text.starts_with('{').then(|| cloudtrail::parse(text).ok())??;
    check(text).is_ok().then_some(event)
}

/// One JSON object: a record, an envelope around one, or a wrapper of many.
fn object(text: &str, place: &Place<'_>, sink: &mut dyn FnMut(Item) -> bool, depth: u8) -> bool {
    if let Some(event) = call(text) {
        return sink(Item::Event(Box::new(event), place.line));
    }
    let shape = match recognise(text) {
        Ok(shape) => shape,
        Err(e) => return sink(place.dead(e.to_string(), text)),
    };
    match shape {
        Shape::Record(source, raw, account) => {
            let read = check(&raw).and_then(|()| aisaws_core::source::parse(source, &raw));
            match read {
                Ok(mut event) => {
                    if let Some(account) = account.filter(|_| event.account.as_str() == "unknown") {
                        event.account = account;
                    }
                    sink(Item::Event(Box::new(event), place.line))
                }
                Err(e) => sink(place.dead(e.to_string(), text)),
            }
        }
        Shape::Many(objects) if depth < MAX_WRAPPERS => {
            objects.iter().all(|one| object(one, place, sink, depth + 1))
        }
        Shape::Many(_) => {
            let reason = format!("lists of records are nested more than {MAX_WRAPPERS} deep");
            sink(place.dead(reason, text))
        }
        Shape::Unknown(reason) => sink(place.dead(reason, text)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn record(id: &str) -> String {
        format!(
            r#"{{"eventID":"{id}","eventTime":"2026-03-01T10:00:00Z","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","awsRegion":"eu-west-1"}}"#
        )
    }

    fn read(content: &[u8]) -> (Vec<String>, Vec<(u64, String)>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let (mut ids, mut dead) = (Vec::new(), Vec::new());
        let mut sink = |item| {
            match item {
                Item::Event(event, _) => ids.push(event.id.to_string()),
                Item::Dead(letter) => dead.push((letter.line, letter.reason)),
            }
            true
        };
        read_records(&Input::File(file.path().to_owned()), &mut sink, &mut |_| {}).unwrap();
        (ids, dead)
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_shape_plain_and_gzip_gives_the_same_events() {
        let (a, b) = (record("a"), record("b"));
        let envelope = |r: &str| {
            format!(
                r#"{{"version":"0","detail-type":"AWS API Call via CloudTrail","account":"111122223333","detail":{r}}}"#
            )
        };
        let pretty: serde_json::Value =
            serde_json::from_str(&format!(r#"{{"Records":[{a},{b}]}}"#)).unwrap();
        let shapes = [
            format!("{a}\n{b}\n"),
            format!("{a}\r\n\r\n{b}"),
            format!("[{a},{b}]"),
            format!("[\n{a},\n{b}\n]"),
            format!(r#"{{"Records":[{a},{b}]}}"#),
            format!(r#"{{"format":1,"Records":[{a},{b}]}}"#),
            serde_json::to_string_pretty(&pretty).unwrap(),
            format!("{}\n{}", envelope(&a), envelope(&b)),
            format!("[{},{}]", envelope(&a), envelope(&b)),
            format!("\u{feff}{a}\n{b}"),
        ];
        for shape in shapes {
            for content in [shape.clone().into_bytes(), gzip(shape.as_bytes())] {
                let (ids, dead) = read(&content);
                assert_eq!((ids, dead), (vec!["a".to_owned(), "b".to_owned()], vec![]), "{shape}");
            }
        }
    }

    #[test]
    fn broken_lines_are_named_by_number_and_do_not_stop_the_run() {
        let content =
            format!("{}\nnot json\n{{\"eventID\": \"cut\n{}\n{{}}\n", record("a"), record("b"));
        let (ids, dead) = read(content.as_bytes());
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(dead.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 5]);
    }

    #[test]
    fn a_broken_first_line_does_not_hide_the_others() {
        let content = format!("{{\"eventID\": \"cut\n{}\n{}\n", record("a"), record("b"));
        let (ids, dead) = read(content.as_bytes());
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(dead.len(), 1);
    }

    #[test]
    fn a_torn_gzip_yields_what_was_whole() {
        let content: String = (0..2000).map(|i| record(&format!("e{i}")) + "\n").collect();
        let packed = gzip(content.as_bytes());
        let (ids, dead) = read(&packed[..packed.len() / 2]);
        assert!(!ids.is_empty() && ids.len() < 2000);
        assert_eq!(dead.len(), 1);
        assert!(dead[0].1.contains("ends early"), "{dead:?}");
    }

    #[test]
    fn bytes_that_are_no_text_become_a_dead_letter() {
        let mut content = record("a").into_bytes();
        content.extend_from_slice(b"\n\xff\xfe\n");
        let (ids, dead) = read(&content);
        assert_eq!((ids.len(), dead.len()), (1, 1));
    }

    #[test]
    fn another_kind_of_envelope_is_kept_with_its_type() {
        let (ids, dead) = read(br#"{"detail-type":"EC2 Instance State-change Notification","detail":{"state":"running"}}"#);
        assert!(ids.is_empty());
        assert!(dead[0].1.contains("EC2 Instance State-change"), "{dead:?}");
    }

    #[test]
    fn deeply_nested_input_is_refused_and_does_not_overflow() {
        let content = "[".repeat(100_000) + &record("a");
        let (ids, dead) = read(content.as_bytes());
        assert_eq!((ids.len(), dead.len()), (0, 1), "{dead:?}");
    }
}
