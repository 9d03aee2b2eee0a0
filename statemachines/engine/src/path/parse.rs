//! Text to [`Path`], without recursion on the input except for nested filters (bounded).

use super::filter::Filter;
use super::{Function, Path, Root, Segment};

/// Filters inside filters deeper than this are refused.
const MAX_FILTER_DEPTH: usize = 16;
/// Longer paths are refused before they are looked at.
const MAX_PATH_BYTES: usize = 80_000;

/// A cursor over the characters of a path or a filter in it.
pub(super) struct Cursor<'a> {
    rest: &'a str,
    pub(super) depth: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a str) -> Self {
        Self { rest, depth: 0 }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) fn take_while(&mut self, mut keep: impl FnMut(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// As [`Self::quoted`], with its backslashes: Jayway lets them escape but keeps them.
    pub(super) fn raw_quoted(&mut self, quote: char) -> Result<String, String> {
        let mut text = String::new();
        let mut is_escaped = false;
        loop {
            match self.next() {
                None => return Err("a quoted name is not closed".to_owned()),
                Some(c) if c == quote && !is_escaped => return Ok(text),
                Some(c) => {
                    is_escaped = c == '\\' && !is_escaped;
                    text.push(c);
                }
            }
        }
    }

    /// The text of a quoted string whose opening quote was eaten.
    pub(super) fn quoted(&mut self, quote: char) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err("a quoted name is not closed".to_owned()),
                Some('\\') => match self.next() {
                    Some(c) => text.push(c),
                    None => return Err("a quoted name ends in a backslash".to_owned()),
                },
                Some(c) if c == quote => return Ok(text),
                Some(c) => text.push(c),
            }
        }
    }
}

fn is_name(c: char) -> bool {
    !matches!(
        c,
        '.' | '['
            | ']'
            | '('
            | ')'
            | ' '
            | '\''
            | '"'
            | ','
            | '*'
            | '?'
            | '@'
            | '|'
            | '&'
            | '='
            | '<'
            | '>'
            | '!'
            | '~'
    )
}

impl Path {
    /// Parses `text`, which must be the path and nothing else.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATH_BYTES {
            return Err("the path is too long".to_owned());
        }
        let mut cursor = Cursor::new(text);
        let path = Self::parse_at(&mut cursor)?;
        if cursor.rest().is_empty() {
            Ok(path)
        } else {
            Err(format!("unexpected `{}`", cursor.rest()))
        }
    }

    /// Parses the longest path at the cursor.
    pub(super) fn parse_at(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        let start = cursor.rest();
        if !cursor.eat("$") {
            return Err("a path starts with `$`".to_owned());
        }
        let root = if cursor.eat("$") {
            Root::Context
        } else {
            let name = cursor.take_while(|c| c.is_alphanumeric() || c == '_');
            if name.is_empty() { Root::Data } else { Root::Variable(name.to_owned()) }
        };
        let (segments, function) = parse_segments(cursor)?;
        let definite = segments.iter().all(Segment::is_definite);
        let used = start.len() - cursor.rest().len();
        let text = start.get(..used).unwrap_or(start).to_owned();
        Ok(Self { text, root, segments, function, definite })
    }
}

impl Segment {
    fn is_definite(&self) -> bool {
        match self {
            Self::Keys(keys) => keys.len() == 1,
            Self::Indexes(indexes) => indexes.len() == 1,
            Self::Slice(..) | Self::Wildcard | Self::Descend | Self::Filter(_) => false,
        }
    }
}

type Segments = (Vec<Segment>, Option<Function>);

/// Segments after a root (`$` or `@`), up to the first character that cannot continue a path.
pub(super) fn parse_segments(cursor: &mut Cursor<'_>) -> Result<Segments, String> {
    let mut segments = Vec::new();
    loop {
        if cursor.eat("..") {
            segments.push(Segment::Descend);
            match cursor.peek() {
                Some('[') => {}
                Some('*') => {
                    cursor.next();
                    segments.push(Segment::Wildcard);
                }
                _ => segments.push(Segment::Keys(vec![name(cursor)?])),
            }
        } else if cursor.eat(".") {
            if cursor.eat("*") {
                segments.push(Segment::Wildcard);
            } else if cursor.peek() == Some('[') {
                // Jayway reads `$.[0]` as `$[0]`.
            } else {
                let name = name(cursor)?;
                if cursor.eat("()") {
                    return Ok((segments, Some(function(&name)?)));
                }
                segments.push(Segment::Keys(vec![name]));
            }
        } else if cursor.eat("[") {
            segments.push(bracket(cursor)?);
        } else {
            return Ok((segments, None));
        }
    }
}

fn name(cursor: &mut Cursor<'_>) -> Result<String, String> {
    let name = cursor.take_while(is_name);
    if name.is_empty() { Err("a property name is missing".to_owned()) } else { Ok(name.to_owned()) }
}

fn function(name: &str) -> Result<Function, String> {
    Ok(match name {
        "length" | "size" => Function::Length,
        "min" => Function::Min,
        "max" => Function::Max,
        "sum" => Function::Sum,
        "avg" => Function::Avg,
        "keys" => Function::Keys,
        other => return Err(format!("there is no path function `{other}()`")),
    })
}

fn bracket(cursor: &mut Cursor<'_>) -> Result<Segment, String> {
    cursor.skip_spaces();
    let segment = match cursor.peek() {
        Some('*') => {
            cursor.next();
            Segment::Wildcard
        }
        Some('\'' | '"') => Segment::Keys(quoted_names(cursor)?),
        Some('?') => {
            cursor.next();
            cursor.skip_spaces();
            if cursor.depth >= MAX_FILTER_DEPTH {
                return Err("filters are nested too deeply".to_owned());
            }
            cursor.depth += 1;
            let filter = Filter::parse_at(cursor)?;
            cursor.depth -= 1;
            Segment::Filter(filter)
        }
        _ => indexes(cursor)?,
    };
    cursor.skip_spaces();
    if cursor.eat("]") { Ok(segment) } else { Err("`]` is missing".to_owned()) }
}

fn quoted_names(cursor: &mut Cursor<'_>) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    loop {
        cursor.skip_spaces();
        match cursor.next() {
            Some(quote @ ('\'' | '"')) => names.push(cursor.raw_quoted(quote)?),
            _ => return Err("a quoted name is missing".to_owned()),
        }
        cursor.skip_spaces();
        if !cursor.eat(",") {
            return Ok(names);
        }
    }
}

fn integer(cursor: &mut Cursor<'_>) -> Result<Option<i64>, String> {
    cursor.skip_spaces();
    let digits = cursor.take_while(|c| c == '-' || c.is_ascii_digit());
    cursor.skip_spaces();
    if digits.is_empty() {
        return Ok(None);
    }
    digits.parse().map(Some).map_err(|_| format!("`{digits}` is no array index"))
}

fn indexes(cursor: &mut Cursor<'_>) -> Result<Segment, String> {
    let first = integer(cursor)?;
    if cursor.eat(":") {
        let end = integer(cursor)?;
        return Ok(Segment::Slice(first, end));
    }
    let mut all = vec![first.ok_or("an array index is missing")?];
    while cursor.eat(",") {
        all.push(integer(cursor)?.ok_or("an array index is missing")?);
    }
    Ok(Segment::Indexes(all))
}
