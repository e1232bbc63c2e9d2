//! The network returns the logits that onnxruntime returns for the same weights and
//! photos.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{collections::BTreeMap, fs, path::Path};

use labeler_local::{
    crop,
    labeler::decode,
    network::{CLASSES, Network},
};

/// How far a logit may be off: weights of 16 bits move it by a few hundredths,
/// and decoders of lossy files do not agree to the last bit.
fn tolerance(photo: &str) -> f32 {
    if photo.ends_with(".png") { 0.05 } else { 0.2 }
}

/// The golden logits, class by class, of each photo.
fn golden() -> BTreeMap<&'static str, Vec<(usize, f32)>> {
    let mut photos: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in include_str!("golden/logits.txt").lines() {
        if line.starts_with('#') {
            continue;
        }
        let mut fields = line.split(' ');
        let (photo, class, logit) = (fields.next(), fields.next(), fields.next());
        photos.entry(photo.unwrap()).or_default().push((
            class.unwrap().parse().unwrap(),
            logit.unwrap().parse().unwrap(),
        ));
    }
    photos
}

fn run(network: &mut Network, photo: &str) -> Vec<f32> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../data/photos");
    let file = fs::read(folder.join(photo)).unwrap();
    network.run(&crop::square(&decode(&file).unwrap()))
}

#[test]
fn every_photo_has_the_logits_that_onnxruntime_gives() {
    let mut network = Network::new();
    let golden = golden();
    assert!(golden.len() >= 3, "photos to compare");
    for (photo, expected) in golden {
        let logits = run(&mut network, photo);
        assert_eq!(logits.len(), CLASSES);
        for (class, logit) in &expected {
            let difference = (logits[*class] - logit).abs();
            assert!(
                difference < tolerance(photo),
                "{photo}, class {class}: {} for {logit}",
                logits[*class],
            );
        }
        let surest = (0..CLASSES).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        assert_eq!(surest, Some(expected[0].0), "{photo}");
    }
}

#[test]
fn one_image_leaves_nothing_behind_for_the_next() {
    let mut network = Network::new();
    let first = run(&mut network, "chelsea.png");
    run(&mut network, "coffee.jpg");
    assert_eq!(run(&mut network, "chelsea.png"), first);
}
