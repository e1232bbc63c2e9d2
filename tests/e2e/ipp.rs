//! Jobs of ipp: from the start of a run to its results, and through what Databricks may do
//! meanwhile.

use devstack::databricks::{Fault, Route, RunState, SqlScript};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{App, body, eventually, refusal};

#[tokio::test]
async fn a_job_goes_from_its_start_to_results_without_anybody_polling() {
    let app = App::start().await;
    let started = body(
        app.start_ipp("ana", &["7051602", " 07051603", "7051602"])
            .await,
        200,
    )
    .await;
    let id = started["job_id"].as_str().unwrap();
    let run = started["databricks_run_id"].as_str().unwrap();
    assert_eq!(
        started,
        json!({"job_id": id, "status": "JOB1_RUNNING", "message": "Proceso IPP iniciado exitosamente",
            "mostradores_count": 2, "databricks_run_id": run})
    );
    eventually("the processed file is there", || async {
        app.processed(id).remove("processed_data.csv")
    })
    .await;
    let status = app.ipp_has_status("ana", id, "COMPLETED").await;
    assert_eq!(status["progress"], 100);
    assert_eq!(status["mostradores_count"], 2);

    let results = body(app.get("ana", &format!("/ipp/results/{id}")).await, 200).await;
    assert_eq!(results["mostradores"], json!(["7051602", "7051603"]));
    assert_eq!(results["databricks_info"]["job1_run_id"], run);
    let second = results["databricks_info"]["job2_run_id"].as_str().unwrap();
    assert_ne!(second, run);
    assert_eq!(
        results["databricks_info"]["query_example"],
        format!("SELECT * FROM invenadro.gold.ipp_resultados_finales WHERE job_id = '{id}'")
    );
    assert_eq!(results["summary"]["success"], true);
    assert_eq!(results["process_info"]["user_info"]["sub"], "ana");
    let link = &results["s3_locations"]["processed"][0];
    assert_eq!(link["key"], format!("{id}/processed_data.csv"));
    let csv = app.request(Method::GET, link["url"].as_str().unwrap());
    let csv = csv.send().await.unwrap().text().await.unwrap();
    let rows: Vec<csv::StringRecord> = csv::Reader::from_reader(csv.as_bytes())
        .records()
        .map(Result::unwrap)
        .collect();
    let rounded: Vec<_> = rows
        .iter()
        .map(|row| row[row.len() - 1].to_owned())
        .collect();
    // 1.2 + 0.27, 1.2 + 0.26, Factor 9, Factor D.
    assert_eq!(rounded, ["2", "1", "4", "0", "2", "1", "4", "0"]);
    assert_eq!(&rows[0][1], "000000000000481516", "texts keep their zeros");
    assert_eq!(results["files"][0]["rows"], 8);
    app.stop().await;
}

#[tokio::test]
async fn a_job_is_seen_by_its_owner_and_by_admins_alone() {
    let app = App::start().await;
    let id = app.ipp_job("ana").await;
    for path in ["status", "results"] {
        let path = format!("/ipp/{path}/{id}");
        assert_eq!(
            refusal(app.get("ben", &path).await, 404).await,
            "unknown_job"
        );
    }
    assert_eq!(
        refusal(app.cancel_ipp("ben", &id).await, 404).await,
        "unknown_job"
    );
    assert_eq!(
        refusal(app.get("ana", "/ipp/status/nope").await, 404).await,
        "unknown_job"
    );
    let jobs = body(app.get("ben", "/ipp/jobs").await, 200).await;
    assert_eq!(jobs["jobs"], json!([]));
    let second = app.ipp_job("ana").await;
    let page = body(app.get("ana", "/ipp/jobs?limit=1").await, 200).await;
    assert_eq!(page["jobs"][0]["job_id"], second, "the newest first");
    let cursor = page["cursor"].as_str().unwrap();
    let page = body(
        app.get("ana", &format!("/ipp/jobs?limit=1&cursor={cursor}"))
            .await,
        200,
    )
    .await;
    assert_eq!(page["jobs"][0]["job_id"], id);
    assert_eq!(page.get("cursor"), None);
    let admin = app.stack.token("root", &["admin"]).unwrap();
    let all = app.request(Method::GET, "/ipp/jobs").bearer_auth(&admin);
    assert_eq!(
        body(all.send().await.unwrap(), 200).await["jobs"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let status = app
        .request(Method::GET, &format!("/ipp/status/{id}"))
        .bearer_auth(&admin);
    assert_eq!(status.send().await.unwrap().status(), 200);
    app.stop().await;
}

#[tokio::test]
async fn mostradores_are_validated_against_the_table() {
    let app = App::start().await;
    app.stack.databricks().set_clients(["7051602", "7051603"]);
    let validate = async |request: Value| {
        body(
            app.post("ana", "/ipp/validate-clients", &request).await,
            200,
        )
        .await
    };
    assert_eq!(
        validate(json!({"mostradores": ["7051602", " 7051603 ", "7051604", "07051602"]})).await,
        json!({"status": "partial_valid", "message": "2 de 3 mostradores tienen configuración",
            "mode": "manual", "validClients": ["7051602", "7051603"], "invalidClients": ["7051604"],
            "total": 3, "validated": 2})
    );
    let all = validate(json!({"clients": [7051602]})).await;
    assert_eq!(all["status"], "all_valid");
    assert_eq!(
        all["message"],
        "Todos los 1 mostradores tienen configuración"
    );
    let asked = app.stack.databricks().requests().len();
    let none = validate(json!({"mostradores": ["abc", "7051602 OR 1=1"]})).await;
    assert_eq!(none["status"], "all_invalid");
    assert_eq!(none["invalidClients"], json!(["abc", "7051602 OR 1=1"]));
    assert_eq!(
        app.stack.databricks().requests().len(),
        asked,
        "Databricks was not asked"
    );

    for request in [json!({}), json!({"mode": "automatic"})] {
        let automatic = validate(request).await;
        assert_eq!(automatic["mode"], "automatic");
        assert_eq!(automatic["validClients"], json!(["7051602", "7051603"]));
    }
    let bare = app
        .request_of("ana", Method::POST, "/ipp/validate-clients")
        .send();
    assert_eq!(body(bare.await.unwrap(), 200).await["validated"], 2);
    let empty = json!({"mostradores": []});
    let empty = app.post("ana", "/ipp/validate-clients", &empty).await;
    assert_eq!(empty.status(), 400);
    app.stop().await;
}

#[tokio::test]
async fn a_run_is_started_once_whatever_happens_to_the_answers() {
    let app = App::start().await;
    let databricks = app.stack.databricks();
    for fault in [
        Fault::status(Route::RunNow, 503).after_effect(),
        Fault::broken(Route::RunNow).after_effect(),
        Fault::broken(Route::RunNow),
        Fault::status(Route::RunNow, 429).retry_after("1"),
        Fault::status(Route::RunNow, 500),
        // The answer never comes.
        Fault::hanging(Route::RunNow).after_effect(),
    ] {
        databricks.break_with([fault.clone()]);
        let known = databricks.runs().len();
        let started = body(app.start_ipp("ana", &["1"]).await, 202).await;
        assert_eq!(started["databricks_run_id"], Value::Null, "{fault:?}");
        assert_eq!(started["status"], "JOB1_RUNNING");
        let id = started["job_id"].as_str().unwrap();
        app.ipp_has_status("ana", id, "COMPLETED").await;
        let runs = databricks.runs();
        let mine: Vec<_> = runs[known..].iter().map(|run| run.job_id).collect();
        assert_eq!(mine, [789, 790], "{fault:?}");
        assert!(runs.iter().all(|run| run.token.len() <= 64));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_repeated_request_with_its_key_finds_the_job_of_the_first_one() {
    let app = App::start().await;
    let start = async |key: &str, ids: Value| {
        let request = app.request_of("ana", Method::POST, "/ipp/start");
        let request = request.header("idempotency-key", key);
        request
            .json(&json!({"mostradores": ids}))
            .send()
            .await
            .unwrap()
    };
    let first = body(start("k", json!(["1", "2"])).await, 200).await;
    let again = body(start("k", json!(["01", "2"])).await, 200).await;
    assert_eq!(again["job_id"], first["job_id"]);
    assert_eq!(again["databricks_run_id"], first["databricks_run_id"]);
    let other = refusal(start("k", json!(["3"])).await, 422).await;
    assert_eq!(other, "idempotency_key_reused");
    let new = body(start("k2", json!(["1", "2"])).await, 200).await;
    assert_ne!(new["job_id"], first["job_id"]);
    let firsts = app.stack.databricks().runs();
    assert_eq!(firsts.iter().filter(|run| run.job_id == 789).count(), 2);
    app.stop().await;
}

#[tokio::test]
async fn what_fits_into_no_run_is_refused_with_the_number_that_fits() {
    let app = App::start().await;
    let ids: Vec<String> = (0..2_000).map(|n| (7_000_000 + n).to_string()).collect();
    let request = json!({"mostradores": ids});
    let response = app.post("ana", "/ipp/start", &request).await;
    let told = body(response, 422).await;
    assert_eq!(told["code"], "too_many_mostradores");
    let text = told["error"].as_str().unwrap();
    let fits: usize = text
        .split_whitespace()
        .rev()
        .find_map(|word| word.parse().ok().filter(|n| *n > 100 && *n < 2_000))
        .unwrap_or_else(|| panic!("{text}"));
    // As many as it says are taken by Databricks, which counts the bytes itself.
    let request = json!({"mostradores": &ids[..fits]});
    assert_eq!(app.post("ana", "/ipp/start", &request).await.status(), 200);
    let request = json!({"mostradores": &ids[..=fits]});
    assert_eq!(app.post("ana", "/ipp/start", &request).await.status(), 422);
    assert_eq!(app.stack.databricks().runs().len(), 1);
    for wrong in [json!(["abc"]), json!([]), json!(["1", "7051602 OR 1=1"])] {
        let wrong = app
            .post("ana", "/ipp/start", &json!({"mostradores": wrong}))
            .await;
        assert_eq!(wrong.status(), 400);
    }
    app.stop().await;
}

#[tokio::test]
async fn each_end_of_a_run_is_told_as_what_it_is() {
    let app = App::start().await;
    let databricks = app.stack.databricks();
    for (states, wanted, told) in [
        (vec![RunState::new("SKIPPED")], "FAILED", "SKIPPED"),
        (
            vec![RunState::new("INTERNAL_ERROR").with_message("no capacity")],
            "FAILED",
            "no capacity",
        ),
        (vec![RunState::ended("TIMEDOUT")], "FAILED", "TIMEDOUT"),
        (
            vec![RunState::ended("A_NEW_RESULT")],
            "FAILED",
            "A_NEW_RESULT",
        ),
        (
            vec![
                RunState::new("QUEUED"),
                RunState::new("A_NEW_STATE"),
                RunState::ended("SUCCESS_WITH_FAILURES"),
            ],
            "COMPLETED",
            "completado",
        ),
    ] {
        databricks.script_run(states);
        let id = app.ipp_job("ana").await;
        let status = app.ipp_has_status("ana", &id, wanted).await;
        assert!(
            status["message"].as_str().unwrap().contains(told),
            "{status}"
        );
        if wanted == "FAILED" {
            assert_eq!(status["failed"]["step"], "JOB1");
            assert_eq!(status["progress"], 0);
            let results = app.get("ana", &format!("/ipp/results/{id}")).await;
            let refused = body(results, 409).await;
            assert_eq!(refused["error"], "Proceso no completado");
            assert_eq!(refused["status"], "FAILED");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn a_canceled_job_ends_with_its_run() {
    let app = App::start().await;
    let databricks = app.stack.databricks();
    databricks.script_run([RunState::new("RUNNING")]);
    let id = app.ipp_job("ana").await;
    let results = app.get("ana", &format!("/ipp/results/{id}")).await;
    assert_eq!(refusal(results, 409).await, "job_not_completed");
    databricks.break_with([Fault::status(Route::Cancel, 503)]);
    assert_eq!(app.cancel_ipp("ana", &id).await.status(), 200);
    let status = app.ipp_has_status("ana", &id, "FAILED").await;
    assert_eq!(status["failed"]["code"], "canceled");
    assert!(databricks.runs()[0].is_canceled);
    app.cancel_ipp("ana", &id).await;
    app.stop().await;
}

#[tokio::test]
async fn a_wait_is_answered_by_the_next_status_and_databricks_is_asked_once_for_all() {
    let app = App::start().await;
    let databricks = app.stack.databricks();
    databricks.script_run([RunState::new("RUNNING")]);
    let id = app.ipp_job("ana").await;
    eventually("the run was looked at", || async {
        let status = app.ipp_status("ana", &id).await;
        (status["databricks_state"] == "RUNNING").then_some(())
    })
    .await;
    let looks = databricks.runs()[0].looks;
    for _ in 0..50 {
        assert_eq!(app.ipp_status("ana", &id).await["progress"], 25);
    }
    assert!(
        databricks.runs()[0].looks <= looks + 3,
        "pollers share looks"
    );
    let waiting = app.get("ana", &format!("/ipp/status/{id}?wait=20")).await;
    let path = format!("/ipp/status/{id}?wait=20");
    let (waited, canceled) = tokio::join!(app.get("ana", &path), app.cancel_ipp("ana", &id));
    assert_eq!(canceled.status(), 200);
    assert_eq!(waiting.status(), 200);
    assert_eq!(waited.status(), 200);
    app.ipp_has_status("ana", &id, "FAILED").await;
    app.stop().await;
}

#[tokio::test]
async fn an_event_of_databricks_causes_a_look_and_is_not_believed() {
    let app = App::start().await;
    let databricks = app.stack.databricks();
    databricks.script_run([RunState::new("RUNNING")]);
    let id = app.ipp_job("ana").await;
    let run = databricks.runs()[0].run_id;
    let event = json!({"event_type": "jobs.on_success", "run": {"run_id": run.to_string()}});
    let send_event = |token: &str| {
        let request = app.request(Method::POST, "/ipp/events");
        request
            .basic_auth("databricks", Some(token))
            .json(&event)
            .send()
    };
    assert_eq!(
        send_event("wrong-token-0123456").await.unwrap().status(),
        401
    );
    let looks = databricks.runs()[0].looks;
    assert_eq!(
        send_event(app.stack.ipp_events_token())
            .await
            .unwrap()
            .status(),
        204
    );
    eventually("the run is looked at", || async {
        (databricks.runs()[0].looks > looks).then_some(())
    })
    .await;
    // It says success, and Databricks says that the run goes on.
    assert_eq!(app.ipp_status("ana", &id).await["status"], "JOB1_RUNNING");
    let other = json!({"run": {"run_id": 7}});
    let request = app.request(Method::POST, "/ipp/events");
    let request = request
        .bearer_auth(app.stack.ipp_events_token())
        .json(&other);
    assert_eq!(request.send().await.unwrap().status(), 204);
    app.stop().await;
}

#[tokio::test]
async fn a_workbook_that_cannot_be_read_fails_the_job_with_a_reason_for_a_planner() {
    let app = App::start().await;
    for (bytes, told) in [
        (b"Cliente,Material\n1,2\n".to_vec(), "CSV"),
        (Vec::new(), "empty"),
        (
            devstack::workbook(&["1"]).unwrap()[..900].to_vec(),
            "incomplete",
        ),
        (
            sheet(&["Cliente", "Factor F"], &["1", "1.2"]),
            "Ponderación Tradicional",
        ),
    ] {
        app.stack.workbooks().set([("raw_data.xlsx", bytes)]);
        let id = app.ipp_job("ana").await;
        let status = app.ipp_has_status("ana", &id, "FAILED").await;
        assert_eq!(status["failed"]["step"], "PROCESSING");
        let reason = status["failed"]["reason"].as_str().unwrap();
        assert!(
            reason.contains("raw_data.xlsx") && reason.contains(told),
            "{reason}"
        );
    }
    app.stack.workbooks().set([]);
    let id = app.ipp_job("ana").await;
    let status = app.ipp_has_status("ana", &id, "FAILED").await;
    assert_eq!(status["failed"]["code"], "no_files");
    app.stop().await;
}

/// A workbook of one row of texts.
fn sheet(header: &[&str], row: &[&str]) -> Vec<u8> {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, header.iter().copied()).unwrap();
    sheet.write_row(1, 0, row.iter().copied()).unwrap();
    workbook.save_to_buffer().unwrap()
}

#[tokio::test]
async fn files_that_end_in_the_same_moment_are_all_counted() {
    let app = App::start().await;
    let names: Vec<String> = (0..12).map(|n| format!("raw_data_{n}.xlsx")).collect();
    let bytes = devstack::workbook(&["1"]).unwrap();
    let files = names.iter().map(|name| (name.as_str(), bytes.clone()));
    app.stack.workbooks().set(files);
    let jobs = [app.ipp_job("ana").await, app.ipp_job("ana").await];
    for id in jobs {
        app.ipp_has_status("ana", &id, "COMPLETED").await;
        assert_eq!(app.processed(&id).len(), names.len());
        let results = body(app.get("ana", &format!("/ipp/results/{id}")).await, 200).await;
        assert_eq!(results["files"].as_array().unwrap().len(), names.len());
    }
    app.stop().await;
}

#[tokio::test]
async fn without_a_workspace_the_routes_name_the_variables_that_are_missing() {
    let app = App::with(&[
        ("databricks_workspace_url", "https://databricks.invalid"),
        ("databricks_access_token", ""),
        ("databricks_job1_id", ""),
        ("databricks_warehouse_id", ""),
    ])
    .await;
    let started = body(app.start_ipp("ana", &["1"]).await, 500).await;
    assert_eq!(started["code"], "misconfigured");
    let text = started["error"].as_str().unwrap();
    assert!(
        text.starts_with("Configuración de Databricks incompleta"),
        "{text}"
    );
    for name in [
        "databricks_workspace_url",
        "databricks_access_token",
        "databricks_job1_id",
    ] {
        assert!(text.contains(name), "{text}");
    }
    let validated = app.post("ana", "/ipp/validate-clients", &json!({})).await;
    let text = body(validated, 500).await["error"].to_string();
    assert!(text.contains("databricks_warehouse_id"), "{text}");
    assert_eq!(
        body(app.get("ana", "/ipp/jobs").await, 200).await["jobs"],
        json!([])
    );
    app.stop().await;
}

#[tokio::test]
async fn oauth_tokens_are_kept_and_asked_for_anew_when_they_are_refused() {
    let options = devstack::DatabricksOptions::default();
    let (id, secret) = &options.client;
    let app = App::with(&[
        ("databricks_access_token", ""),
        ("databricks_client_id", id),
        ("databricks_client_secret", secret),
    ])
    .await;
    let databricks = app.stack.databricks();
    for _ in 0..2 {
        let id = app.ipp_job("ana").await;
        app.ipp_has_status("ana", &id, "COMPLETED").await;
    }
    assert_eq!(databricks.issued_tokens(), 1, "it is kept");
    databricks.revoke_tokens();
    let id = app.ipp_job("ana").await;
    app.ipp_has_status("ana", &id, "COMPLETED").await;
    assert_eq!(databricks.issued_tokens(), 2);
    app.stop().await;
}

#[tokio::test]
async fn rows_that_are_not_all_there_are_not_taken_for_an_answer() {
    let app = App::start().await;
    let databricks = app.stack.databricks();
    let ids: Vec<String> = (1..=25).map(|n| n.to_string()).collect();
    databricks.set_clients(ids.iter().map(String::as_str));
    databricks.script_sql(SqlScript {
        pending: 2,
        chunk: 10,
        ..SqlScript::default()
    });
    let request = json!({"mostradores": ids});
    let validated = body(
        app.post("ana", "/ipp/validate-clients", &request).await,
        200,
    )
    .await;
    assert_eq!(
        validated["validated"], 25,
        "from three chunks, after PENDING"
    );
    for script in [
        SqlScript {
            is_truncated: true,
            ..SqlScript::default()
        },
        SqlScript {
            miscount: 1,
            ..SqlScript::default()
        },
        SqlScript {
            error: Some(("BAD_REQUEST".into(), "no such table".into())),
            ..SqlScript::default()
        },
    ] {
        databricks.script_sql(script);
        let response = app.post("ana", "/ipp/validate-clients", &request).await;
        assert_eq!(response.status(), 500);
    }
    databricks.script_sql(SqlScript {
        error: Some(("TEMPORARILY_UNAVAILABLE".into(), "try again".into())),
        ..SqlScript::default()
    });
    let response = app.post("ana", "/ipp/validate-clients", &request).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    databricks.script_sql(SqlScript::default());
    // It is asked again where Databricks does not ask for more time than there is.
    for (fault, status) in [
        (Fault::status(Route::Statement, 429), 200),
        (Fault::status(Route::Statement, 503).retry_after("1"), 200),
        (Fault::status(Route::Statement, 429).retry_after("600"), 503),
    ] {
        databricks.break_with([fault]);
        let response = app.post("ana", "/ipp/validate-clients", &request).await;
        assert_eq!(response.status(), status);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_schedule_validates_all_mostradores_and_starts_one_run_for_the_valid_ones() {
    let app = App::with(&[("ipp_schedule", "rate(1 minute)")]).await;
    let databricks = app.stack.databricks();
    databricks.set_clients(["7051602", "7051603"]);
    let message = json!({"type": "ipp.automatic", "schema": 1, "schedule": "ipp",
        "scheduled_for": "2026-11-25T08:00:00.000Z"});
    let publish = |message: &Value| {
        let redis = app.redis();
        let queue = queue::Queue::new(&redis, "ipp");
        let change = queue::Change::new().publishing(message.to_string());
        queue.commit(&change).unwrap();
    };
    // The same time twice, as replicas and restarts may publish it.
    publish(&message);
    publish(&message);
    let admin = app.stack.token("root", &["admin"]).unwrap();
    let job = eventually("the scheduled job has ended", || async {
        let request = app.request(Method::GET, "/ipp/jobs").bearer_auth(&admin);
        let jobs = body(request.send().await.unwrap(), 200).await;
        let job = jobs["jobs"].as_array()?.first()?.clone();
        (job["status"] == "COMPLETED").then_some(job)
    })
    .await;
    assert_eq!(job["mode"], "automatic");
    let runs = databricks.runs();
    let firsts: Vec<_> = runs.iter().filter(|run| run.job_id == 789).collect();
    assert_eq!(firsts.len(), 1);
    assert_eq!(firsts[0].params["mostradores_lambda"], "7051602,7051603");
    // The schedule itself stands, and operators see it.
    let schedules = app.ops_get("/ops/schedules").await.to_string();
    assert!(schedules.contains("rate(1 minute)"), "{schedules}");
    app.stop().await;
}

#[tokio::test]
async fn jobs_end_with_their_retention() {
    let app = App::start().await;
    let id = app.ipp_job("ana").await;
    app.ipp_has_status("ana", &id, "COMPLETED").await;
    eventually("the job is removed", || async {
        app.time_passes_on("ipp").await;
        let status = app.get("ana", &format!("/ipp/status/{id}")).await.status();
        (status == 404).then_some(())
    })
    .await;
    assert_eq!(
        body(app.get("ana", "/ipp/jobs").await, 200).await["jobs"],
        json!([])
    );
    app.stop().await;
}
