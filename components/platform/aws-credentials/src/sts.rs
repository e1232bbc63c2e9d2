//! The client of AWS Security Token Service
//! (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>).

use base::{Failure, Timestamp};
use http::{Request, header};
use outbound::sigv4::Credentials;
use outbound::{BaseUrl, Transport, call};
use serde::Deserialize;
use url::form_urlencoded;

use crate::kept::Kept;

/// The version of the API.
const VERSION: &str = "2011-06-15";

/// The max length of an answer. A session token may have a few KiB.
const MAX_ANSWER: u64 = 64 * 1024;

/// The role, and the token that allows to assume it.
#[derive(Clone)]
pub struct Config {
    endpoint: BaseUrl,
    role: String,
    session: String,
    token: String,
}

impl Config {
    /// Reads the configuration from variables.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `aws_sts_host` | scheme, host and port of STS |
    /// | `aws_role_arn` | the role |
    /// | `aws_role_session_name` | the name of the session, in logs of AWS |
    /// | `aws_web_identity_token` (secret) | a token of OpenID Connect that the role trusts |
    ///
    /// # Errors
    /// [`Failure::Misconfigured`] for the first one that is missing or invalid.
    pub fn from_variables(get: impl Fn(&str) -> Result<String, Failure>) -> Result<Self, Failure> {
        let text = |name| Ok::<_, Failure>(get(name)?.trim().to_owned());
        let role = text("aws_role_arn")?;
        if role.is_empty() {
            return Err(Failure::misconfigured(
                "no credentials of AWS: set an access key (s3_access_key_id and \
                 s3_secret_access_key), or aws_role_arn and aws_web_identity_token",
            ));
        }
        let token = text("aws_web_identity_token")?;
        if token.is_empty() {
            return Err(Failure::variable(
                "aws_web_identity_token",
                "is not set, while aws_role_arn is",
            ));
        }
        let session = text("aws_role_session_name")?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_=,.@-".contains(&byte);
        if !(2..=64).contains(&session.len()) || !session.bytes().all(is_name) {
            let problem = "must be 2 to 64 of A-Z a-z 0-9 _ = , . @ -";
            return Err(Failure::variable("aws_role_session_name", problem));
        }
        let endpoint = BaseUrl::parse(&text("aws_sts_host")?);
        Ok(Self {
            endpoint: endpoint.map_err(|problem| Failure::variable("aws_sts_host", problem))?,
            role,
            session,
            token,
        })
    }

    /// The role.
    pub fn role(&self) -> &str {
        &self.role
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    assume_role_with_web_identity_result: Result_,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Result_ {
    credentials: Given,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Refusal {
    error: Reason,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Reason {
    code: String,
    message: String,
}

/// Assumes the role, for as long as STS allows by default (an hour).
///
/// # Errors
/// [`Failure::Misconfigured`] where STS refuses the token or the role, and
/// [`Failure::Unavailable`] where it is out of reach, or busy.
pub async fn assume<T: Transport>(
    transport: &T,
    config: &Config,
    now: u64,
) -> Result<Kept, Failure> {
    let away = |detail: String| Failure::unavailable("AWS STS", detail);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("Action", "AssumeRoleWithWebIdentity")
        .append_pair("Version", VERSION)
        .append_pair("RoleArn", &config.role)
        .append_pair("RoleSessionName", &config.session)
        .append_pair("WebIdentityToken", &config.token)
        .finish();
    let request = Request::post(format!("{}/", config.endpoint))
        .header(
            header::CONTENT_TYPE,
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .header(header::ACCEPT, "application/xml")
        .body(form.into_bytes())
        .map_err(|error| away(error.to_string()))?;
    let answer = call(transport, request, "AWS STS", MAX_ANSWER).await?;
    let status = answer.status();
    let answer = String::from_utf8_lossy(answer.body());
    if !status.is_success() {
        let Reason { code, message } = quick_xml::de::from_str::<Refusal>(&answer)
            .unwrap_or_default()
            .error;
        let told = format!("it answered {status} {code}: {message}");
        return Err(match code.as_str() {
            // The issuer of the token could not be asked, or too much was asked.
            "IDPCommunicationError"
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "InternalFailure" => away(told),
            _ if status.is_server_error() || status.as_u16() == 429 => away(told),
            _ => Failure::misconfigured(format!(
                "AWS STS refused aws_role_arn with aws_web_identity_token: {told}"
            )),
        });
    }
    let unread = |error: String| away(format!("its answer cannot be read: {error}"));
    let answer: Answer =
        quick_xml::de::from_str(&answer).map_err(|error| unread(error.to_string()))?;
    let given = answer.assume_role_with_web_identity_result.credentials;
    let ends: Timestamp = given
        .expiration
        .parse()
        .map_err(|_| unread("Expiration".into()))?;
    Ok(Kept {
        credentials: Credentials {
            access_key_id: given.access_key_id,
            secret_access_key: given.secret_access_key,
            session_token: Some(given.session_token),
        },
        given: now,
        ends: ends.millis(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures::executor::block_on;
    use outbound_double::{Answer as DoubleAnswer, Double, answer, down};

    use super::*;

    const TOKEN: &str = "eyJh.e30.c2ln+/=";

    fn config(changes: &[(&str, &str)]) -> Result<Config, Failure> {
        let defaults = [
            ("aws_sts_host", "https://sts.eu-west-1.amazonaws.com"),
            ("aws_role_arn", "arn:aws:iam::123456789012:role/orilla"),
            ("aws_role_session_name", "orilla"),
            ("aws_web_identity_token", TOKEN),
        ];
        Config::from_variables(|name| {
            let all = changes.iter().chain(&defaults);
            let found = all.into_iter().find(|(variable, _)| *variable == name);
            Ok(found.unwrap().1.to_owned())
        })
    }

    fn assumed(answer: impl Fn() -> DoubleAnswer) -> Result<Kept, Failure> {
        let double = Double::new(|_| answer());
        block_on(assume(&&double, &config(&[]).unwrap(), 1_000))
    }

    /// The example of the API's reference.
    const GIVEN: &str = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>amzn1.account.AF6RHO7KZU5XRVQJGXK6HB56KR2A</SubjectFromWebIdentityToken>
    <Audience>client.5498841531868486423.1548@apps.example.com</Audience>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/FederatedWebIdentityRole/app1</Arn>
      <AssumedRoleId>AROACLKWSDQRAOEXAMPLE:app1</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <SessionToken>FwoGZXIvYXdzEBYaDKa/q3+IEXAMPLE</SessionToken>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <Expiration>2014-10-24T23:00:23Z</Expiration>
      <AccessKeyId>ASgeIAIOSFODNN7EXAMPLE</AccessKeyId>
    </Credentials>
    <Provider>www.amazon.com</Provider>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"#;

    #[test]
    fn a_role_is_assumed_with_the_token() {
        let double = Double::new(|_| answer(200, GIVEN));
        let kept = block_on(assume(&&double, &config(&[]).unwrap(), 1_000)).unwrap();
        assert_eq!(kept.credentials.access_key_id, "ASgeIAIOSFODNN7EXAMPLE");
        assert!(
            kept.credentials
                .session_token
                .unwrap()
                .ends_with("IEXAMPLE")
        );
        assert_eq!((kept.given, kept.ends), (1_000, 1_414_191_623_000));
        let sent = double.sent();
        assert_eq!(sent[0].uri(), "https://sts.eu-west-1.amazonaws.com/");
        assert_eq!(sent[0].method(), "POST");
        let form: BTreeMap<_, _> = form_urlencoded::parse(sent[0].body()).collect();
        assert_eq!(form["Action"], "AssumeRoleWithWebIdentity");
        assert_eq!(form["Version"], "2011-06-15");
        assert_eq!(form["RoleArn"], "arn:aws:iam::123456789012:role/orilla");
        assert_eq!(form["RoleSessionName"], "orilla");
        assert_eq!(form["WebIdentityToken"], TOKEN);
    }

    #[test]
    fn a_refusal_is_a_mistake_of_the_operator_and_an_outage_is_not() {
        let refusal = |code: &str| {
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
                 <Message>Not so</Message></Error></ErrorResponse>"
            )
        };
        for (status, code) in [
            (400, "ExpiredTokenException"),
            (400, "InvalidIdentityToken"),
            (403, "AccessDenied"),
        ] {
            let Err(Failure::Misconfigured(text)) = assumed(|| answer(status, refusal(code)))
            else {
                panic!("{code}");
            };
            assert!(text.contains(code) && text.contains("Not so"), "{text}");
            assert!(!text.contains(TOKEN));
        }
        for (status, body) in [
            (400, refusal("IDPCommunicationError")),
            (400, refusal("Throttling")),
            (503, String::new()),
            (500, refusal("InternalFailure")),
            (200, String::new()),
            (200, GIVEN.replace("2014-10-24T23:00:23Z", "soon")),
        ] {
            let failed = assumed(|| answer(status, body.clone()));
            assert!(
                matches!(failed, Err(Failure::Unavailable { .. })),
                "{status} {body}"
            );
        }
        let failed = assumed(|| down("https://sts.eu-west-1.amazonaws.com"));
        assert!(matches!(failed, Err(Failure::Unavailable { .. })));
    }

    #[test]
    fn a_wrong_variable_is_named_without_its_secret() {
        for (name, value) in [
            ("aws_role_arn", " "),
            ("aws_web_identity_token", ""),
            ("aws_role_session_name", "x"),
            ("aws_role_session_name", "a b"),
            ("aws_sts_host", "sts.amazonaws.com"),
        ] {
            let error = config(&[(name, value)]).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
            assert!(!error.contains(TOKEN), "{error}");
        }
    }
}
