//! Finished text frames: made once, shared by every socket that gets them. The journal's tail makes those
//! of events; those of states are made by the first socket of each session, because they carry its token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::ids::SessionId;

/// For how long a `state` frame is given to further sockets: what it says of its token's lifetime is
/// counted from when it was made.
const FRESH: Duration = Duration::from_secs(1);

/// A text frame. Clones share its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frame {
    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The text as it is, which is UTF-8.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl From<Arc<str>> for Frame {
    fn from(text: Arc<str>) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// The finished `state` frame of each session that one change of an auth state leads to. Clones share.
#[derive(Clone, Debug, Default)]
pub struct StateFrames(Arc<Mutex<HashMap<SessionId, Made>>>);

#[derive(Debug)]
struct Made {
    /// Time since boot.
    at: Duration,
    frame: Frame,
}

impl StateFrames {
    /// The frame that another socket of the session has made a moment ago.
    #[must_use]
    pub fn of(&self, session: SessionId, now: Duration) -> Option<Frame> {
        let frames = self.lock();
        let made = frames.get(&session)?;
        (now < made.at + FRESH).then(|| made.frame.clone())
    }

    /// Leaves a frame that was made at `now` to the session's other sockets.
    pub fn leave(&self, session: SessionId, now: Duration, frame: &Frame) {
        let (at, frame) = (now, frame.clone());
        self.lock().insert(session, Made { at, frame });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Made>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
