//! Why a forge did not do what it was asked, told apart by what can be done about it.

use std::time::Duration;

use serde::Deserialize;

use crate::tool::probe::{self, Response};

/// How much of a forge's own words is shown, in characters.
const SAID_LIMIT: usize = 200;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The token is not accepted, or its rights do not suffice.
    #[error("the forge refused to {what} with status {status}{said}")]
    Unauthorised {
        /// What it was asked to do.
        what: String,
        /// 401 or 403.
        status: u16,
        /// What it said, if anything.
        said: String,
    },
    /// There is no such thing, or the token must not know of it.
    #[error("the forge found nothing to {what}")]
    Missing {
        /// What it was asked to do.
        what: String,
    },
    /// The forge puts requests off for longer than anybody waits.
    #[error("the forge put off the request to {what} by {pause:?}")]
    Limited {
        /// What it was asked to do.
        what: String,
        /// For how long the last time.
        pause: Duration,
    },
    /// The forge failed, or sends its callers elsewhere.
    #[error("the forge failed to {what} with status {status}{said}")]
    Failed {
        /// What it was asked to do.
        what: String,
        /// The status.
        status: u16,
        /// What it said, if anything.
        said: String,
    },
    /// The answer is none of this API.
    #[error("the forge gave no answer that can be read when asked to {what}: {said}")]
    Garbled {
        /// What it was asked to do.
        what: String,
        /// What is wrong with the answer.
        said: String,
    },
    /// There was no whole answer, or none in time.
    #[error("the forge did not answer when asked to {what}")]
    Unanswered {
        /// What it was asked to do.
        what: String,
        /// Why not.
        source: probe::Error,
    },
}

/// Returns an answer that says yes, whole.
pub(super) fn judge(what: &str, response: Response) -> Result<Response, Error> {
    let (what, status) = (what.to_owned(), response.status);
    match status {
        200..=299 if response.cut => Err(Error::Garbled {
            what,
            said: format!("it is larger than {} bytes", probe::BODY_LIMIT),
        }),
        200..=299 => Ok(response),
        401 | 403 => Err(Error::Unauthorised {
            what,
            status,
            said: words(&response),
        }),
        404 => Err(Error::Missing { what }),
        _ => Err(Error::Failed {
            what,
            status,
            said: words(&response),
        }),
    }
}

/// An error as the forge writes it.
#[derive(Deserialize)]
struct Written {
    /// Its words.
    message: String,
}

/// Returns what a forge said about its refusal, to be put after the status.
fn words(response: &Response) -> String {
    let written: Option<Written> = serde_json::from_slice(&response.body).ok();
    let message = written.map(|written| written.message).unwrap_or_default();
    let shown = message.escape_debug().take(SAID_LIMIT).collect::<String>();
    if shown.is_empty() {
        shown
    } else {
        format!(": {shown}")
    }
}
