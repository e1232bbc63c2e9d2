use std::fmt;

use serde::{Deserialize, Serialize};

/// An access key of AWS.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The public part, which every signature contains.
    pub access_key_id: String,
    /// The secret part, which never leaves this process.
    pub secret_access_key: String,
    /// The token of temporary credentials (STS, roles).
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &"(redacted)")
            .field(
                "session_token",
                &self.session_token.as_ref().map(|_| "(redacted)"),
            )
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_keeps_the_secrets() {
        let credentials = Credentials {
            access_key_id: "AKID".into(),
            secret_access_key: "very-secret".into(),
            session_token: Some("very-temporary".into()),
        };
        let text = format!("{credentials:?}");
        assert!(text.contains("AKID"), "{text}");
        assert!(!text.contains("very"), "{text}");
    }
}
