//! Intrinsic functions: the grammar of `States.Format('{}', $.name)`.

use serde_json::Value;

use super::functions;
use super::{EvalError, Scope};
use crate::path::Path;

/// Calls inside calls deeper than this are refused; AWS allows ten.
const MAX_DEPTH: usize = 10;
/// The longest call AWS takes.
const MAX_BYTES: usize = 10_000;

/// A parsed call with its text, which messages quote.
#[derive(Debug, Clone)]
pub(crate) struct Intrinsic {
    text: String,
    call: Call,
}

#[derive(Debug, Clone)]
struct Call {
    function: functions::Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
enum Argument {
    Literal(Value),
    Path(Path),
    Call(Call),
}

impl Intrinsic {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("an intrinsic function is at most {MAX_BYTES} characters"));
        }
        if text.starts_with(char::is_whitespace) {
            return Err(
                "an intrinsic function starts with `States.`, without a space before it".to_owned()
            );
        }
        let mut parser = Parser { rest: text };
        let call = parser.call(0)?;
        parser.spaces();
        if !parser.rest.is_empty() {
            return Err(format!("unexpected `{}`", parser.rest));
        }
        Ok(Self { text: text.to_owned(), call })
    }

    /// Evaluates with the arguments found in `scope`.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvalError> {
        self.call.evaluate(scope).map_err(|failed| match failed {
            Failed::Reason(reason) => EvalError::Intrinsic { call: self.text.clone(), reason },
            Failed::TooMuch => EvalError::TooMuch,
        })
    }
}

/// Why a call, or one inside it, failed.
enum Failed {
    Reason(String),
    TooMuch,
}

impl Call {
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Failed> {
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            arguments.push(match argument {
                Argument::Literal(value) => value.clone(),
                Argument::Path(path) => {
                    let found = scope.find(path).map_err(|e| missing(path, &e, scope.data))?;
                    scope.spend(&found).map_err(|_| Failed::TooMuch)?;
                    found
                }
                Argument::Call(call) => call.evaluate(scope)?,
            });
        }
        functions::call(self.function, arguments, scope.chance).map_err(Failed::Reason)
    }
}

/// AWS names a path into the context object as if it led into the input.
fn missing(path: &Path, reason: &str, data: &Value) -> Failed {
    if reason.starts_with("Filter: ") {
        return Failed::Reason(reason.to_owned());
    }
    let text = path.text();
    let text = text.strip_prefix('$').filter(|rest| rest.starts_with('$')).unwrap_or(text);
    Failed::Reason(format!(
        "The JsonPath argument for the field '{text}' could not be found in the input '{data}'"
    ))
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, c: char) -> bool {
        self.spaces();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn split(&mut self, end: usize) -> &'a str {
        let (head, tail) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = tail;
        head
    }

    fn call(&mut self, depth: usize) -> Result<Call, String> {
        if depth > MAX_DEPTH {
            return Err(format!("intrinsic functions are nested deeper than {MAX_DEPTH}"));
        }
        self.spaces();
        let end = self.rest.find('(').ok_or("an intrinsic function is written `States.Name(…)`")?;
        let name = self.split(end).trim_end();
        let function = functions::Function::named(name)
            .ok_or_else(|| format!("there is no intrinsic function `{name}`"))?;
        self.eat('(');
        let mut arguments = Vec::new();
        if !self.eat(')') {
            loop {
                arguments.push(self.argument(depth)?);
                if self.eat(')') {
                    break;
                }
                if !self.eat(',') {
                    return Err("`,` or `)` is missing in an intrinsic function".to_owned());
                }
            }
        }
        for (i, argument) in arguments.iter_mut().enumerate() {
            // Braces stay escaped in a format: only it knows what they mean.
            if let Argument::Literal(Value::String(text)) = argument
                && !(function == functions::Function::Format && i == 0)
            {
                *text = unescape(text);
            }
        }
        function.check_arity(arguments.len())?;
        for (i, argument) in arguments.iter().enumerate() {
            if let Argument::Literal(value) = argument {
                function.check_literal(i, value)?;
            }
        }
        Ok(Call { function, arguments })
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, String> {
        self.spaces();
        if self.rest.starts_with('$') {
            let end = path_end(self.rest);
            return Path::parse(self.split(end).trim_end()).map(Argument::Path);
        }
        if self.eat('\'') {
            return self.string().map(|text| Argument::Literal(Value::String(text)));
        }
        if self.rest.starts_with("States.") {
            return self.call(depth + 1).map(Argument::Call);
        }
        let end = self.rest.find([',', ')']).unwrap_or(self.rest.len());
        let word = self.split(end).trim();
        match serde_json::from_str(word) {
            Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => {
                Ok(Argument::Literal(value))
            }
            _ => Err(format!("`{word}` is no argument of an intrinsic function")),
        }
    }

    /// A string in apostrophes; a backslash escapes `'`, `{`, `}` and itself.
    fn string(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut chars = self.rest.chars();
        while let Some(c) = chars.next() {
            match c {
                '\'' => {
                    self.rest = chars.as_str();
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some('\'') => text.push('\''),
                    Some(other) => {
                        text.push('\\');
                        text.push(other);
                    }
                    None => return Err("a string ends in a backslash".to_owned()),
                },
                c => text.push(c),
            }
        }
        Err("a string in an intrinsic function is not closed".to_owned())
    }
}

/// Takes the backslashes from `\{`, `\}` and `\\`.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('{' | '}' | '\\')) => plain.extend(chars.next()),
            _ => plain.push(c),
        }
    }
    plain
}

/// Where a path that stands as an argument ends: at a comma or parenthesis outside of brackets.
fn path_end(text: &str) -> usize {
    let (mut brackets, mut parentheses, mut quote) = (0_usize, 0_usize, None);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) => quote = quote.filter(|_| c != q),
            (None, '\'' | '"') if brackets > 0 => quote = Some(c),
            (None, '[') => brackets += 1,
            (None, ']') => brackets = brackets.saturating_sub(1),
            (None, '(') => parentheses += 1,
            (None, ')') if parentheses > 0 => parentheses -= 1,
            (None, ',' | ')') if brackets == 0 => return i,
            _ => {}
        }
    }
    text.len()
}
