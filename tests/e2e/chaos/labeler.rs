//! A labeler that gets too many requests.

use devstack::rekognition::{Failure, Label};
use futures::future::join_all;
use tests::{App, Manifest, Photo, SamplePhoto, Seed};

use super::PATIENT;
use super::load::Load;

const PHOTOS: u32 = 20;
const FAILURES: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_labeler_that_throttles_labels_each_photo_once_in_the_end() {
    let mut random = Seed::new().fork(0);
    let app = App::durable(Manifest::shipped().with_rekognition(), &PATIENT).await;
    let (app, load) = (&app, Load::default());
    let labeler = app.stack.rekognition().unwrap();
    let photos: Vec<_> = (0..PHOTOS).map(Photo::distinct).collect();
    for photo in &photos {
        labeler.set_labels(&photo.bytes, vec![Label::new("Tripod", 95.0, &[])]);
    }
    for _ in 0..FAILURES {
        let failure = random.choice([
            Failure::Throttling,
            Failure::ProvisionedThroughputExceeded,
            Failure::InternalServerError,
            Failure::ServiceUnavailable,
        ]);
        labeler.fail_next(1, failure.unwrap());
    }
    let uploads = photos
        .iter()
        .map(|photo| load.upload_photo(app, photo, "approved"));
    join_all(uploads).await;
    load.is_done_once(app).await;
    let answered = labeler.requests().len() - FAILURES;
    assert_eq!(
        answered,
        photos.len(),
        "what was labeled is not paid for again"
    );
}
