//! The words of DynamoDB's expressions.

use super::super::answer::ServiceError;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// A name or keyword.
    Word(&'a str),
    /// `#name`.
    Alias(&'a str),
    /// `:value`.
    Value(&'a str),
    /// The index of a list.
    Index(usize),
    /// `(`, `)`, `,`, `.`, `+`, `-`, `=`, `<`, `>`, `<=`, `>=`, `<>`.
    Sign(&'static str),
}

/// DynamoDB's own bound, 4 KB.
const MAX_BYTES: usize = 4096;

pub(super) fn invalid(what: &str, why: impl std::fmt::Display) -> ServiceError {
    ServiceError::other("ValidationException", format!("Invalid {what}: {why}"))
}

/// The words of `text`; `what` names the expression in errors.
pub(super) fn words<'a>(what: &str, text: &'a str) -> Result<Vec<Token<'a>>, ServiceError> {
    if text.trim().is_empty() {
        return Err(invalid(what, "The expression can not be empty;"));
    }
    if text.len() > MAX_BYTES {
        return Err(invalid(
            what,
            format!(
                "Expression size has exceeded the maximum allowed size; expression size: {}",
                text.len()
            ),
        ));
    }
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let sign = ["<>", "<=", ">=", "(", ")", ",", ".", "+", "-", "=", "<", ">"]
            .into_iter()
            .find(|sign| rest.starts_with(sign));
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = |text: &str| text.find(|c: char| !is_word(c)).unwrap_or(text.len());
        let refused = || invalid(what, format!("Syntax error; token: \"{first}\""));
        let (token, after) = if let Some(sign) = sign {
            (Token::Sign(sign), rest.strip_prefix(sign))
        } else if let Some(tail) = rest.strip_prefix('[') {
            let (index, after) = tail.split_once(']').ok_or_else(refused)?;
            (Token::Index(index.trim().parse().map_err(|_| refused())?), Some(after))
        } else if let Some(tail) = rest.strip_prefix('#') {
            let (name, after) = tail.split_at(length(tail));
            (Token::Alias(name), Some(after))
        } else if let Some(tail) = rest.strip_prefix(':') {
            let (name, after) = tail.split_at(length(tail));
            (Token::Value(name), Some(after))
        } else {
            let (name, after) = rest.split_at(length(rest));
            (Token::Word(name), Some(after))
        };
        if matches!(token, Token::Word("") | Token::Alias("") | Token::Value("")) {
            return Err(refused());
        }
        tokens.push(token);
        rest = after.unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

/// Reads words one after the other.
#[derive(Debug)]
pub(super) struct Words<'a> {
    pub(super) what: &'static str,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token<'a>>>,
}

impl<'a> Words<'a> {
    pub(super) fn new(what: &'static str, text: &'a str) -> Result<Self, ServiceError> {
        Ok(Self { what, tokens: words(what, text)?.into_iter().peekable() })
    }

    pub(super) fn peek(&mut self) -> Option<&Token<'a>> {
        self.tokens.peek()
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        self.tokens.next()
    }

    /// Takes the sign where it is next.
    pub(super) fn sign(&mut self, sign: &str) -> bool {
        self.tokens.next_if(|t| matches!(t, Token::Sign(s) if *s == sign)).is_some()
    }

    /// Takes the keyword where it is next.
    pub(super) fn keyword(&mut self, word: &str) -> bool {
        self.tokens
            .next_if(|t| matches!(t, Token::Word(w) if w.eq_ignore_ascii_case(word)))
            .is_some()
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), ServiceError> {
        if self.sign(sign) { Ok(()) } else { Err(self.error()) }
    }

    /// What stands here is not understood.
    pub(super) fn error(&mut self) -> ServiceError {
        let here = match self.tokens.peek() {
            None => "<EOF>".to_owned(),
            Some(Token::Word(word)) => (*word).to_owned(),
            Some(Token::Alias(name)) => format!("#{name}"),
            Some(Token::Value(name)) => format!(":{name}"),
            Some(Token::Index(index)) => format!("[{index}]"),
            Some(Token::Sign(sign)) => (*sign).to_owned(),
        };
        invalid(self.what, format!("Syntax error; token: \"{here}\""))
    }

    pub(super) fn end(&mut self) -> Result<(), ServiceError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.error()) }
    }
}
