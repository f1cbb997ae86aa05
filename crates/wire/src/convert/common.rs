//! Values that several messages share.

use model::BatchKind;

use super::place::{MessageError, Place, Problem};
use model::lifecycle::Phase;

use crate::messages::{Count, Role};
use crate::proto;

impl From<BatchKind> for proto::BatchKind {
    fn from(kind: BatchKind) -> Self {
        match kind {
            BatchKind::Encodings => Self::Encodings,
            BatchKind::HandleMap => Self::HandleMap,
        }
    }
}

impl From<Role> for proto::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Matcher => Self::Matcher,
            Role::Resolver => Self::Resolver,
        }
    }
}

impl From<Phase> for proto::RunState {
    fn from(state: Phase) -> Self {
        match state {
            Phase::Draft => Self::Draft,
            Phase::Signed => Self::Signed,
            Phase::Open => Self::Open,
            Phase::Sealed => Self::Sealed,
            Phase::Linking => Self::Linking,
            Phase::Linked => Self::Linked,
            Phase::Approved => Self::Approved,
            Phase::Released => Self::Released,
            Phase::Destroyed => Self::Destroyed,
            Phase::Cancelled => Self::Cancelled,
            Phase::Failed => Self::Failed,
        }
    }
}

impl From<Count> for proto::Count {
    fn from(count: Count) -> Self {
        let value = match count {
            Count::Exact(value) => proto::count::Value::Exact(value),
            Count::FewerThan(floor) => proto::count::Value::FewerThan(floor),
            Count::About(value) => proto::count::Value::About(value),
            Count::Withheld => proto::count::Value::Withheld(true),
        };
        Self { value: Some(value) }
    }
}

impl Place {
    pub(super) fn batch_kind(self, value: i32) -> Result<BatchKind, MessageError> {
        match self.known(value)? {
            proto::BatchKind::Unspecified => Err(self.wrong(Problem::Missing)),
            proto::BatchKind::Encodings => Ok(BatchKind::Encodings),
            proto::BatchKind::HandleMap => Ok(BatchKind::HandleMap),
        }
    }

    pub(super) fn role(self, value: i32) -> Result<Role, MessageError> {
        match self.known(value)? {
            proto::Role::Unspecified => Err(self.wrong(Problem::Missing)),
            proto::Role::Matcher => Ok(Role::Matcher),
            proto::Role::Resolver => Ok(Role::Resolver),
        }
    }

    pub(super) fn run_state(self, value: i32) -> Result<Phase, MessageError> {
        Ok(match self.known(value)? {
            proto::RunState::Unspecified => return Err(self.wrong(Problem::Missing)),
            proto::RunState::Draft => Phase::Draft,
            proto::RunState::Signed => Phase::Signed,
            proto::RunState::Open => Phase::Open,
            proto::RunState::Sealed => Phase::Sealed,
            proto::RunState::Linking => Phase::Linking,
            proto::RunState::Linked => Phase::Linked,
            proto::RunState::Approved => Phase::Approved,
            proto::RunState::Released => Phase::Released,
            proto::RunState::Destroyed => Phase::Destroyed,
            proto::RunState::Cancelled => Phase::Cancelled,
            proto::RunState::Failed => Phase::Failed,
        })
    }

    pub(super) fn count(self, count: Option<proto::Count>) -> Result<Count, MessageError> {
        match self.present(count.and_then(|count| count.value))? {
            proto::count::Value::Exact(value) => Ok(Count::Exact(value)),
            proto::count::Value::FewerThan(floor) => Ok(Count::FewerThan(floor)),
            proto::count::Value::About(value) => Ok(Count::About(value)),
            proto::count::Value::Withheld(_) => Ok(Count::Withheld),
        }
    }

    fn known<T: TryFrom<i32>>(self, value: i32) -> Result<T, MessageError> {
        T::try_from(value).map_err(|_| self.wrong(Problem::UnknownValue(value)))
    }
}
