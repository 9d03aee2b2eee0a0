//! What stands between a field name and its value: `field|base64offset|contains`.

use super::encode::Utf16;
use super::error::Problem;
use super::pattern::Case;
use super::when::TimePart;

/// Where in the field the value is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affix {
    /// The whole field, wildcards allowed.
    Whole,
    /// The whole field, where `*` and `?` are plain characters.
    Verbatim,
    Contains,
    StartsWith,
    EndsWith,
}

/// A comparison of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Flags of a regular expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RegexFlags {
    pub(super) ignore_case: bool,
    pub(super) multi_line: bool,
    pub(super) dot_is_all: bool,
}

/// What the value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Regex(RegexFlags),
    Cidr,
    Exists,
    Compare(Comparison),
    FieldRef,
}

/// How Base64 is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base64 {
    Whole,
    AnyOffset,
}

/// The modifiers of one field, checked against each other.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is one modifier that is there or not")]
pub(super) struct Modifiers {
    pub(super) kind: Kind,
    pub(super) affix: Affix,
    pub(super) case: Case,
    /// Whether every value must match, not any.
    pub(super) all: bool,
    pub(super) negated: bool,
    pub(super) expand: bool,
    pub(super) windash: bool,
    pub(super) utf16: Option<Utf16>,
    pub(super) base64: Option<Base64>,
    pub(super) time: Option<TimePart>,
}

const NOT_TWICE: &str = "is given twice or beside one that excludes it";

impl Modifiers {
    /// Whether the value is written differently before it is looked for.
    pub(super) fn encodes(self) -> bool {
        self.windash || self.utf16.is_some() || self.base64.is_some()
    }

    /// Reads `field|modifier|…`; `written` is the key as it stands in the rule.
    pub(super) fn parse(written: &str) -> Result<(&str, Self), Problem> {
        let mut parts = written.split('|');
        let field = parts.next().unwrap_or_default();
        let mut found = Self {
            kind: Kind::Plain,
            affix: Affix::Whole,
            case: Case::Ignored,
            all: false,
            negated: false,
            expand: false,
            windash: false,
            utf16: None,
            base64: None,
            time: None,
        };
        let mut cased = false;
        for name in parts {
            let misused = |modifier, reason| {
                Err(Problem::MisusedModifier { field: written.to_owned(), modifier, reason })
            };
            match name {
                "contains" if found.set_affix(Affix::Contains) => {}
                "startswith" if found.set_affix(Affix::StartsWith) => {}
                "endswith" if found.set_affix(Affix::EndsWith) => {}
                "exact" if found.set_affix(Affix::Verbatim) => {}
                "contains" => return misused("contains", NOT_TWICE),
                "startswith" => return misused("startswith", NOT_TWICE),
                "endswith" => return misused("endswith", NOT_TWICE),
                "exact" => return misused("exact", NOT_TWICE),
                "all" => found.all = true,
                "neq" => found.negated = true,
                "expand" => found.expand = true,
                "cased" => cased = true,
                "re" if found.set_kind(Kind::Regex(RegexFlags::default())) => {}
                "cidr" if found.set_kind(Kind::Cidr) => {}
                "exists" if found.set_kind(Kind::Exists) => {}
                "fieldref" if found.set_kind(Kind::FieldRef) => {}
                "lt" if found.set_kind(Kind::Compare(Comparison::Less)) => {}
                "lte" if found.set_kind(Kind::Compare(Comparison::LessOrEqual)) => {}
                "gt" if found.set_kind(Kind::Compare(Comparison::Greater)) => {}
                "gte" if found.set_kind(Kind::Compare(Comparison::GreaterOrEqual)) => {}
                "re" => return misused("re", NOT_TWICE),
                "cidr" => return misused("cidr", NOT_TWICE),
                "exists" => return misused("exists", NOT_TWICE),
                "fieldref" => return misused("fieldref", NOT_TWICE),
                "lt" => return misused("lt", NOT_TWICE),
                "lte" => return misused("lte", NOT_TWICE),
                "gt" => return misused("gt", NOT_TWICE),
                "gte" => return misused("gte", NOT_TWICE),
                "i" | "m" | "s" => {
                    let Kind::Regex(flags) = &mut found.kind else {
                        return misused("i|m|s", "must follow `re`");
                    };
                    match name {
                        "i" => flags.ignore_case = true,
                        "m" => flags.multi_line = true,
                        _ => flags.dot_is_all = true,
                    }
                }
                "windash" => {
                    if found.utf16.is_some() || found.base64.is_some() {
                        return misused("windash", "must stand before the encodings");
                    }
                    found.windash = true;
                }
                "wide" | "utf16le" | "utf16be" | "utf16" => {
                    if found.utf16.is_some() || found.base64.is_some() {
                        return misused("utf16", "must stand once, before Base64");
                    }
                    found.utf16 = Some(match name {
                        "utf16be" => Utf16::Be,
                        "utf16" => Utf16::Marked,
                        _ => Utf16::Le,
                    });
                }
                "base64" | "base64offset" => {
                    if found.base64.is_some() {
                        return misused("base64", NOT_TWICE);
                    }
                    found.base64 =
                        Some(if name == "base64" { Base64::Whole } else { Base64::AnyOffset });
                }
                "minute" => found.time = Some(TimePart::Minute),
                "hour" => found.time = Some(TimePart::Hour),
                "day" => found.time = Some(TimePart::Day),
                "week" => found.time = Some(TimePart::Week),
                "month" => found.time = Some(TimePart::Month),
                "year" => found.time = Some(TimePart::Year),
                _ => {
                    let (field, modifier) = (written.to_owned(), name.to_owned());
                    return Err(Problem::UnknownModifier { field, modifier });
                }
            }
        }
        if cased {
            found.case = Case::Counts;
        }
        found.check(written)?;
        Ok((field, found))
    }

    fn set_affix(&mut self, affix: Affix) -> bool {
        let free = self.affix == Affix::Whole;
        self.affix = affix;
        free
    }

    fn set_kind(&mut self, kind: Kind) -> bool {
        let free = self.kind == Kind::Plain;
        self.kind = kind;
        free
    }

    fn check(&self, written: &str) -> Result<(), Problem> {
        let misused = |modifier, reason| {
            Err(Problem::MisusedModifier { field: written.to_owned(), modifier, reason })
        };
        let encoded = self.windash || self.utf16.is_some() || self.base64.is_some();
        if encoded && self.kind != Kind::Plain {
            return misused("windash, utf16 or base64", "needs a plain value");
        }
        let takes_affix = matches!(self.kind, Kind::Plain | Kind::FieldRef);
        if self.affix != Affix::Whole && !takes_affix {
            return misused("contains, startswith, endswith or exact", "needs a plain value");
        }
        if self.time.is_some()
            && (encoded
                || self.affix != Affix::Whole
                || !matches!(self.kind, Kind::Plain | Kind::Compare(_)))
        {
            return misused("minute … year", "needs a number");
        }
        if self.negated && self.all {
            return misused("neq", "already differs from every value; leave `all` out");
        }
        if self.kind == Kind::Exists && (self.all || self.negated || self.case == Case::Counts) {
            return misused("exists", "takes no other modifier");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_that_make_no_sense_together_are_refused() {
        for written in [
            "a|contains|startswith",
            "a|re|cidr",
            "a|re|contains",
            "a|i",
            "a|base64|wide",
            "a|base64|windash",
            "a|cidr|base64",
            "a|neq|all",
            "a|exists|all",
            "a|hour|contains",
            "a|nonsense",
            "a|",
        ] {
            assert!(Modifiers::parse(written).is_err(), "{written}");
        }
    }

    #[test]
    fn the_order_of_modifiers_that_do_not_touch_each_other_is_free() {
        for written in ["a|fieldref|endswith|neq", "a|neq|endswith|fieldref"] {
            let (field, found) = Modifiers::parse(written).unwrap();
            assert_eq!((field, found.kind, found.affix), ("a", Kind::FieldRef, Affix::EndsWith));
            assert!(found.negated);
        }
    }
}
