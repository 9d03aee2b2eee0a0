//! The states that need nothing from outside: Pass, Choice, Wait, Succeed, Fail.

use std::sync::Arc;

use serde_json::Value;

use super::evaluate::{AmountError, Seen};
use super::step::Flow;
use super::{Failure, Frame, Phase, Query, Run};
use crate::definition::{Amount, ChoiceRule, ChoiceTest, Language, State, Text, Wait};
use crate::history::Payload;
use crate::lang::{parse_timestamp, parse_timestamp_strict};

/// The longest wait that AWS takes, in seconds.
const MAX_WAIT_SECONDS: i64 = 99_999_999;

type Begun = Result<Flow, Failure>;

impl Run {
    pub(super) fn pass(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        result: Option<&Payload>,
    ) -> Begun {
        let (output, assigned) = match state.language {
            Language::JsonPath => {
                let input = self.work_input(frame, state, None)?;
                let result = result.map_or(input, Arc::clone);
                let assigned =
                    self.assigned(frame, state, state.assign.as_ref(), &result, Seen::default())?;
                (self.placed_output(frame, state, result)?, assigned)
            }
            Language::Jsonata => self.passed(frame, state)?,
        };
        Ok(self.leave(id, frame, state, state.next, output, assigned))
    }

    /// `Assign` and `Output` of a state that has no result.
    fn passed(
        &self,
        frame: &Frame,
        state: &State,
    ) -> Result<(Payload, super::step::Assigned), Failure> {
        match state.language {
            Language::JsonPath => {
                let input = self.effective_input(frame, state)?;
                let assigned =
                    self.assigned(frame, state, state.assign.as_ref(), &input, Seen::default())?;
                Ok((self.passed_output(frame, state, &input)?, assigned))
            }
            Language::Jsonata => {
                let assigned = self.assigned(
                    frame,
                    state,
                    state.assign.as_ref(),
                    &frame.input,
                    Seen::default(),
                )?;
                let output = match &state.output {
                    None => Arc::clone(&frame.input),
                    Some(template) => Arc::new(self.fill(
                        frame,
                        state,
                        template,
                        "Output",
                        &frame.input,
                        Seen::default(),
                    )?),
                };
                Ok((output, assigned))
            }
        }
    }

    pub(super) fn succeed(&mut self, id: u64, frame: &mut Frame, state: &State) -> Begun {
        let (output, _) = self.passed(frame, state)?;
        Ok(self.leave(id, frame, state, None, output, None))
    }

    pub(super) fn choose(
        &mut self,
        id: u64,
        frame: &mut Frame,
        state: &State,
        rules: &[ChoiceRule],
        default: Option<u32>,
    ) -> Begun {
        let data = self.effective_input(frame, state)?;
        for (i, rule) in rules.iter().enumerate() {
            if !self.rule_holds(frame, state, i, rule, &data)? {
                continue;
            }
            let assign = rule.assign.as_ref();
            let under = format!("Choices[{i}]/");
            let seen = Seen { under: &under, ..Seen::default() };
            let assigned = self.assigned(frame, state, assign, &data, seen)?;
            let output = match (state.language, &rule.output, &state.output) {
                (Language::JsonPath, ..) => self.passed_output(frame, state, &data)?,
                (Language::Jsonata, Some(template), _) => {
                    let location = format!("{under}Output");
                    Arc::new(self.fill(frame, state, template, &location, &data, seen)?)
                }
                (Language::Jsonata, None, Some(template)) => {
                    Arc::new(self.fill(frame, state, template, "Output", &data, seen)?)
                }
                (Language::Jsonata, None, None) => data,
            };
            return Ok(self.leave(id, frame, state, Some(rule.next), output, assigned));
        }
        let Some(default) = default else {
            let detail =
                "Failed to transition out of the state. The state does not point to a next state.";
            let mut failure = Self::runtime(state, frame, detail);
            failure.also = Some("States.NoChoiceMatched");
            return Err(failure);
        };
        let (output, assigned) = self.passed(frame, state)?;
        Ok(self.leave(id, frame, state, Some(default), output, assigned))
    }

    fn rule_holds(
        &self,
        frame: &Frame,
        state: &State,
        index: usize,
        rule: &ChoiceRule,
        data: &Value,
    ) -> Result<bool, Failure> {
        match &rule.test {
            ChoiceTest::Rule(rule) => self.scoped(frame, state, data, Seen::default(), |scope| rule.holds(scope)).map_err(|path| {
                Self::runtime(state, frame, &format!("Invalid path '{path}': The choice state's condition path references an invalid value."))
            }),
            ChoiceTest::Condition(template) => {
                let location = format!("Choices[{index}]/Condition");
                match self.fill(frame, state, template, &location, data, Seen::default())? {
                    Value::Bool(holds) => Ok(holds),
                    other => {
                        Err(Self::unexpected_type(state, frame, &location, template, "boolean", &other))
                    }
                }
            }
        }
    }

    pub(super) fn wait(&mut self, id: u64, frame: &mut Frame, state: &State, wait: &Wait) -> Begun {
        let data = self.effective_input(frame, state)?;
        let until_ms = match wait {
            Wait::Seconds(amount) => {
                let seconds = self.wait_seconds(frame, state, amount, &data)?;
                self.now_ms.saturating_add(seconds.saturating_mul(1000))
            }
            Wait::Timestamp(text) => self.wait_timestamp(frame, state, text, &data)?,
        };
        if until_ms <= self.now_ms {
            return self.waited(id, frame, state);
        }
        frame.phase = Phase::Wait { until_ms };
        Ok(Flow::Parked)
    }

    fn wait_seconds(
        &self,
        frame: &Frame,
        state: &State,
        amount: &Amount,
        data: &Value,
    ) -> Result<i64, Failure> {
        let text = match amount {
            Amount::Path(path) => path.text(),
            Amount::Fixed(_) | Amount::Share(_) | Amount::Jsonata(_) => "",
        };
        let is_path = matches!(amount, Amount::Path(_));
        let seconds = match self.amount(frame, state, "Seconds", amount, data) {
            Ok(seconds) => seconds,
            Err(AmountError::NotFound { .. }) => {
                return Err(Self::runtime(
                    state,
                    frame,
                    &format!("The SecondsPath parameter does not reference an input value: {text}"),
                ));
            }
            Err(AmountError::NoNumber { value, .. }) if is_path => {
                let detail = format!(
                    "The SecondsPath parameter cannot be parsed as a long value: {text} == {}",
                    shown(&value)
                );
                return Err(Self::runtime(state, frame, &detail));
            }
            Err(AmountError::NoNumber { value, .. }) => {
                let detail = format!(
                    "The Seconds field cannot be parsed as a long value: {}",
                    shown(&value)
                );
                return Err(Self::query_failure(state, frame, Some("Seconds"), &detail));
            }
            Err(AmountError::Failed(failure)) => return Err(failure),
        };
        if seconds < 0 {
            return Err(if is_path {
                Self::runtime(
                    state,
                    frame,
                    &format!(
                        "The SecondsPath parameter references a negative value: {text} == {seconds}"
                    ),
                )
            } else {
                Self::query_failure(
                    state,
                    frame,
                    Some("Seconds"),
                    &format!("The Seconds field must not be negative: {seconds}"),
                )
            });
        }
        if seconds > MAX_WAIT_SECONDS {
            return Err(Self::runtime(state, frame, "Wait state delay is too long."));
        }
        Ok(seconds)
    }

    fn wait_timestamp(
        &self,
        frame: &Frame,
        state: &State,
        text: &Text,
        data: &Value,
    ) -> Result<i64, Failure> {
        let value = match text {
            Text::Path(crate::lang::Expr::Path(path)) => {
                self.find(frame, state, path, data).map_err(|_| {
                    Self::runtime(
                        state,
                        frame,
                        &format!(
                            "The TimestampPath parameter does not reference an input value: {}",
                            path.text()
                        ),
                    )
                })?
            }
            other => self.text(frame, state, "Timestamp", other, data)?,
        };
        let (path, parsed) = match text {
            Text::Path(crate::lang::Expr::Path(path)) => {
                (Some(path.text()), value.as_str().and_then(parse_timestamp))
            }
            _ => (None, value.as_str().and_then(parse_timestamp_strict)),
        };
        let until = parsed.ok_or_else(|| match path {
            Some(path) => Self::runtime(
                state,
                frame,
                &format!("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: {path} == {}", shown(&value)),
            ),
            None => Self::query_failure(
                state,
                frame,
                Some("Timestamp"),
                &format!("The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {}", shown(&value)),
            ),
        })?;
        if until.saturating_sub(self.now_ms) > MAX_WAIT_SECONDS * 1000 {
            return Err(Self::runtime(state, frame, "Wait state delay is too long."));
        }
        Ok(until)
    }

    /// The wait is over.
    pub(super) fn waited(&mut self, id: u64, frame: &mut Frame, state: &State) -> Begun {
        let (output, assigned) = self.passed(frame, state)?;
        Ok(self.leave(id, frame, state, state.next, output, assigned))
    }

    pub(super) fn fail_state(
        &mut self,
        frame: &mut Frame,
        state: &State,
        error: Option<&Text>,
        cause: Option<&Text>,
    ) -> Flow {
        let text =
            |run: &Self, field: &str, text: Option<&Text>| -> Result<Option<String>, Failure> {
                let Some(text) = text else { return Ok(None) };
                run.text(frame, state, field, text, &frame.input).map(|value| Some(shown(&value)))
            };
        let failure = text(self, "Error", error).and_then(|error| {
            let cause = text(self, "Cause", cause)?;
            Ok(Failure { error, cause, also: None, query: Query::No })
        });
        match failure {
            Ok(failure) => Flow::Done(Err(failure)),
            Err(failure) => self.fail(0, frame, state, failure),
        }
    }
}

/// A string bare, anything else as JSON.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The type's name as JSONata messages have it.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
