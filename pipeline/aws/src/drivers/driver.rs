//! What a driver of one resource type does.

use std::fmt::Debug;
use std::future::Future;

use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use super::error::DriverError;
use super::link::Caller;

/// A call of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned<'a> {
    pub(super) call: &'a Call,
    /// The state from which it was planned.
    pub(super) now: &'a Value,
    /// Whether a call before it in the same plan was about the same fields, which are therefore
    /// not as in `now` any more.
    pub(super) follows: bool,
}

impl<'a> Planned<'a> {
    /// The state in which its fields should still be.
    pub(super) fn expected(&self) -> Option<&'a Value> {
        (!self.follows).then_some(self.now)
    }
}

#[async_trait]
pub(super) trait Driver: Send + Sync + Debug {
    /// CloudFormation type name.
    fn kind(&self) -> &'static str;

    /// The state now, `null` where the resource does not exist. Whatever a state says is asked
    /// for; nothing else is.
    async fn read(&self, aws: &Caller, resource: &ResourceRef) -> Result<Value, DriverError>;

    /// Makes one planned call. What the call would overwrite is read once more right before it,
    /// and has to be as in the state from which it was planned.
    ///
    /// Answers with the call as it was made.
    async fn make(
        &self,
        aws: &Caller,
        resource: &ResourceRef,
        planned: Planned<'_>,
    ) -> Result<Call, DriverError>;

    /// The ids of all resources of the caller's account and region, page by page.
    fn list(&self, aws: Caller) -> BoxStream<'static, Result<String, DriverError>>;
}

/// A page and the token of the next one.
pub(super) type Page<T> = (Vec<T>, Option<String>);

/// The items of all pages, each asked for when the one before it was used up.
pub(super) fn pages<T, F, Asked>(ask: F) -> BoxStream<'static, Result<T, DriverError>>
where
    T: Send + 'static,
    F: Fn(Option<String>) -> Asked + Send + 'static,
    Asked: Future<Output = Result<Page<T>, DriverError>> + Send + 'static,
{
    stream::try_unfold(Some(None), move |token: Option<Option<String>>| {
        let asked = token.map(&ask);
        async move {
            let Some(asked) = asked else { return Ok::<_, DriverError>(None) };
            let (items, next) = asked.await?;
            let next = next.filter(|token| !token.is_empty()).map(Some);
            Ok(Some((stream::iter(items.into_iter().map(Ok)), next)))
        }
    })
    .try_flatten()
    .boxed()
}
