//! What header and claims of a token that is signed well may say.

use super::*;

#[test]
fn a_token_holds_from_half_a_minute_before_until_half_a_minute_after_it_says() {
    let issuer = Issuer::hs256();
    let config = issuer.config(&[]);
    for (claim, at, outcome) in [
        ("exp", 29, None),
        ("exp", 30, Some("it has expired")),
        ("exp", 31, Some("it has expired")),
        ("exp", 86_400, Some("it has expired")),
        ("nbf", 0, None),
        ("nbf", -30, None),
        ("nbf", -31, Some("it is not valid yet")),
    ] {
        let result = check_at(&config, &issuer.token(&with(claim, NOW)), NOW + at);
        assert_eq!(
            result.err(),
            outcome.map(|text| Denial::Invalid(text.into()))
        );
    }
}

#[test]
fn dates_are_numbers_of_seconds() {
    // RFC 7519 allows fractions of a second.
    for (expires, read) in [
        (json!(NOW as f64 + 60.5), NOW + 60),
        (json!(253_402_300_799i64), 253_402_300_799),
    ] {
        let principal = outcome(&[], &with("exp", expires)).expect("holds");
        assert_eq!(principal.expires_at, read as u64);
    }
    assert_eq!(
        reason(outcome(&[], &json!({"sub": "1"}))),
        "it has no `exp`"
    );
    for past in [
        json!(-1),
        json!(i64::MIN),
        json!(-1e300),
        json!(0),
        json!(-0.0),
    ] {
        assert_eq!(reason(outcome(&[], &with("exp", past))), "it has expired");
    }
    for claim in ["exp", "nbf", "iat"] {
        for odd in [
            json!("tomorrow"),
            json!("1795334400"),
            json!({}),
            json!([NOW + 60]),
            json!(true),
            Value::Null,
        ] {
            assert_eq!(
                reason(outcome(&[], &with(claim, odd))),
                format!("its `{claim}` is not a number of seconds")
            );
        }
        for late in [
            json!(i64::MAX),
            json!(u64::MAX),
            json!(1e300),
            json!(253_402_300_800i64),
            // Milliseconds, which would be good for 55,000 years.
            json!((NOW + 60) * 1000),
        ] {
            assert_eq!(
                reason(outcome(&[], &with(claim, late))),
                format!("its `{claim}` is after the year 9999: dates count seconds since 1970")
            );
        }
    }
}

#[test]
fn issuer_and_audience_count_where_they_are_configured() {
    let issuer = [("jwt_issuer", "https://issuer.example")];
    let audience = [("jwt_audience", "orilla")];
    for (variables, claims) in [
        (&issuer[..], with("iss", "https://issuer.example")),
        (&audience, with("aud", "orilla")),
        (&audience, with("aud", json!(["travel", "orilla"]))),
        (&[], with("iss", "https://issuer.example")),
        (&[], with("aud", "travel")),
    ] {
        assert!(outcome(variables, &claims).is_ok(), "{claims}");
    }
    for other in [
        with("iss", "https://issuer.example.evil"),
        with("iss", json!(["https://issuer.example"])),
        claims(),
    ] {
        assert_eq!(reason(outcome(&issuer, &other)), "it is of another issuer");
    }
    for other in [
        with("aud", "travel"),
        with("aud", json!(["travel"])),
        with("aud", json!([["orilla"]])),
        with("aud", json!([])),
        with("aud", json!({"orilla": true})),
        claims(),
    ] {
        assert_eq!(
            reason(outcome(&audience, &other)),
            "it is for another audience"
        );
    }
}

#[test]
fn the_subject_is_a_number_or_a_text_in_the_configured_claim() {
    let user_id = [("jwt_subject_claim", "user_id")];
    for (variables, claims, subject) in [
        (&[][..], with("sub", "ana"), "ana"),
        (&[], with("sub", 456), "456"),
        (&[], with("sub", u64::MAX), "18446744073709551615"),
        (&user_id, with("user_id", 7), "7"),
    ] {
        let principal = outcome(variables, &claims).expect("holds");
        assert_eq!(principal.subject, subject);
    }
    assert_eq!(reason(outcome(&user_id, &claims())), "it has no `user_id`");
    assert_eq!(
        reason(outcome(&[], &json!({"exp": NOW + 60}))),
        "it has no `sub`"
    );
    for odd in [
        json!(""),
        json!(" "),
        json!(4.5),
        json!(456.0),
        json!(true),
        Value::Null,
        json!(["456"]),
        json!({"id": "456"}),
    ] {
        assert_eq!(
            reason(outcome(&[], &with("sub", odd))),
            "its `sub` is no integer and no text that could name a user"
        );
    }
}

#[test]
fn roles_are_those_of_the_issuer_and_else_the_scopes() {
    let both = |roles: Value| {
        let mut claims = with("scope", "admin");
        claims["roles"] = roles;
        claims
    };
    for (claims, roles) in [
        (claims(), &[][..]),
        (with("roles", "Content Editor"), &["Content Editor"]),
        (with("scope", " ops  admin "), &["ops", "admin"]),
        (both(json!(["ops"])), &["ops"]),
        (both(json!([])), &[]),
        (both(Value::Null), &["admin"]),
    ] {
        assert_eq!(outcome(&[], &claims).expect("holds").roles, roles);
    }
    for (claims, problem) in [
        (with("roles", json!(["ops", 1])), "its `roles` are no texts"),
        (with("roles", 1), "its `roles` are no texts"),
        (with("scope", json!(["ops"])), "its `scope` is no text"),
    ] {
        assert_eq!(reason(outcome(&[], &claims)), problem);
    }
}

#[test]
fn claims_are_one_json_object_whose_members_have_different_names() {
    let issuer = Issuer::hs256();
    let config = issuer.config(&[]);
    let deep = format!(r#"{{"sub":{}{}}}"#, "[".repeat(2000), "]".repeat(2000));
    for claims in [
        "",
        "null",
        "[]",
        r#"[{"sub":"1","exp":1795334400}]"#,
        "\u{feff}{}",
        r#"{"sub":"1","exp":1795334400"#,
        r#"{"sub":"1","exp":1795334400}{}"#,
        r#"{"sub":"1","exp":1e400}"#,
        r#"{"sub":"1","exp":01795334400}"#,
        r#"{"sub":"1","exp":1795334400,"sub":"2"}"#,
        r#"{"sub":"1","exp":1795334400,"\u0073ub":"2"}"#,
        r#"{"sub":"1","exp":1,"exp":1795334400}"#,
        r#"{"sub":"1","exp":1795334400,"x":"\ud800"}"#,
        &deep,
    ] {
        let token = issuer.token_of(&issuer.header().to_string(), claims);
        assert_eq!(
            reason(check(&config, &token)),
            "its claims are not a JSON object",
            "{claims}"
        );
    }
}

#[test]
fn headers_that_cannot_be_followed_are_refused() {
    let issuer = Issuer::hs256();
    let config = issuer.config(&[]);
    let critical = "it has critical header fields, and none is known";
    for (header, outcome) in [
        (
            r#"{"alg":"HS256","kid":7,"typ":[],"x5t":"odd","cty":"x"}"#,
            None,
        ),
        (
            r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
            Some(critical),
        ),
        (r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, Some(critical)),
        (r#"{"alg":"HS256","crit":[]}"#, Some(critical)),
        (r#"{"alg":"HS256","crit":null}"#, Some(critical)),
        (r#"{"alg":"HS256","cr\u0069t":"b64"}"#, Some(critical)),
        (r#"{"typ":"JWT"}"#, Some("it is not signed with HS256")),
    ] {
        let result = check(&config, &issuer.token_of(header, &claims().to_string()));
        let expected = outcome.map(|text| Denial::Invalid(text.into()));
        assert_eq!(result.err(), expected, "{header}");
    }
    for header in [
        "",
        "HS256",
        r#""HS256""#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","crit":["b64"],"crit":[]}"#,
        r#"{"alg":"HS256"} {}"#,
    ] {
        let result = check(&config, &issuer.token_of(header, &claims().to_string()));
        assert!(matches!(result, Err(Denial::Malformed(_))), "{header}");
    }
}
