//! `GET /images?status=under_review` and `POST /images/{file}/review`, for reviewers.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

mod decide;
mod list;

use web::Route;

/// The role that opens the routes.
const ROLE: &str = "reviewer";

/// Room for a reason with every character escaped.
const BODY_LIMIT: usize = 16 * 1024;

web::exports![
    Route::get("/images", list::list).role(ROLE),
    Route::post("/images/{file}/review", decide::decide)
        .role(ROLE)
        .json(BODY_LIMIT),
];
