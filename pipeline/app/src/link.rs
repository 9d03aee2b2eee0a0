//! Signed links with which a human answers a question without an account of ours.
//!
//! A link names the incident, the plan (its digest), the approver it was sent to and when it
//! lapses; whoever holds it may answer once, as that approver. Nobody can make or change one
//! without the key. That it counts only once is kept by the votes
//! ([`aisaws_core::port::Approvals::cast`]): the first vote on a plan stands.
//!
//! Form: `v1.<claims>.<mac>`, both base64url without padding; the claims are JSON, the mac is
//! HMAC-SHA-256 (RFC 2104) over `aisaws-approval.v1.<claims>`.

use aisaws_core::canonical::Digest;
use aisaws_core::id::IncidentId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

const VERSION: &str = "v1";
/// Keeps a mac made for another purpose with the same key from being one of ours.
const PURPOSE: &str = "aisaws-approval";
/// A token is never longer; what is longer is not looked at.
const MAX_BYTES: usize = 2048;

/// The key that signs links: 32 random bytes, known to those who ask and those who check.
#[derive(Clone)]
pub struct LinkKey([u8; 32]);

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The incident in question.
    pub incident: IncidentId,
    /// The plan in question.
    pub digest: Digest,
    /// To whom the link was sent; recorded as who voted.
    pub approver: String,
    /// When it lapses.
    pub expires: Timestamp,
}

/// Why a link is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Cut off, changed, or signed with another key.
    #[error("this link is not one of ours; open the newest one that was sent to you")]
    Forged,
    /// Its time is over.
    #[error("this link has lapsed; the question is no longer open")]
    Lapsed,
}

impl LinkKey {
    /// A key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The token that goes into a link: URL-safe text of less than 2 KiB.
    pub fn sign(&self, claims: &Claims) -> String {
        // Claims are texts and times: they always have a JSON form.
        let json = serde_json::to_vec(claims).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.encode(json);
        let mac = URL_SAFE_NO_PAD.encode(self.mac(&claims).finalize().into_bytes());
        format!("{VERSION}.{claims}.{mac}")
    }

    /// What a token says, if it is ours and has not lapsed.
    ///
    /// # Errors
    /// [`LinkError`]; which part of a forged token is wrong is not told.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, LinkError> {
        let mut parts = token.get(..MAX_BYTES).unwrap_or(token).split('.');
        let (Some(VERSION), Some(claims), Some(mac), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(LinkError::Forged);
        };
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| LinkError::Forged)?;
        // Compares in constant time.
        self.mac(claims).verify_slice(&mac).map_err(|_| LinkError::Forged)?;
        let json = URL_SAFE_NO_PAD.decode(claims).map_err(|_| LinkError::Forged)?;
        let claims: Claims = serde_json::from_slice(&json).map_err(|_| LinkError::Forged)?;
        if claims.expires <= now { Err(LinkError::Lapsed) } else { Ok(claims) }
    }

    fn mac(&self, claims: &str) -> Hmac<Sha256> {
        // A shorter key is filled up with zeros to the hash's block of 64 bytes (RFC 2104).
        let block: [u8; 64] = std::array::from_fn(|i| self.0.get(i).copied().unwrap_or(0));
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in [PURPOSE, ".", VERSION, ".", claims] {
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claims() -> Claims {
        Claims {
            incident: IncidentId::from_cause(&["a"]),
            digest: Digest::of(&serde_json::json!({"plan": 1})),
            approver: "alice".to_owned(),
            expires: "2026-03-02T10:00:00Z".parse().unwrap(),
        }
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    const KEY: LinkKey = LinkKey([7; 32]);

    #[test]
    fn a_link_says_what_was_signed_until_it_lapses() {
        let token = KEY.sign(&claims());
        assert_eq!(KEY.verify(&token, at("2026-03-02T09:59:59Z")), Ok(claims()));
        assert_eq!(KEY.verify(&token, at("2026-03-02T10:00:00Z")), Err(LinkError::Lapsed));
    }

    #[test]
    fn another_key_makes_another_link() {
        let token = LinkKey([8; 32]).sign(&claims());
        assert_eq!(KEY.verify(&token, at("2026-03-01T00:00:00Z")), Err(LinkError::Forged));
    }

    #[test]
    fn claims_cannot_be_exchanged_under_a_mac() {
        let (ours, mut wanted) = (KEY.sign(&claims()), claims());
        wanted.approver = "mallory".to_owned();
        let theirs = LinkKey([9; 32]).sign(&wanted);
        let claims = theirs.split('.').nth(1).unwrap();
        let mac = ours.split('.').nth(2).unwrap();
        let mixed = format!("v1.{claims}.{mac}");
        assert_eq!(KEY.verify(&mixed, at("2026-03-01T00:00:00Z")), Err(LinkError::Forged));
    }

    proptest! {
        #[test]
        fn a_changed_character_is_noticed(place in 0_usize..400, by in 1_u8..64) {
            let mut token = KEY.sign(&claims()).into_bytes();
            let place = place % token.len();
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
            let old = alphabet.iter().position(|c| *c == token[place]).unwrap();
            token[place] = alphabet[(old + usize::from(by)) % alphabet.len()];
            let token = String::from_utf8(token).unwrap();
            let verified = KEY.verify(&token, at("2026-03-01T00:00:00Z"));
            prop_assert_eq!(verified, Err(LinkError::Forged));
        }

        #[test]
        fn anything_at_all_is_refused_calmly(token in ".{0,300}") {
            prop_assert!(KEY.verify(&token, at("2026-03-01T00:00:00Z")).is_err());
        }
    }
}
