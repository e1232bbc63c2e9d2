//! The names of the classes, and the groups that they belong to.

use std::collections::BTreeMap;

/// One line per class; the head of the file says where the data comes from.
const SOURCE: &str = include_str!("../taxonomy.txt");

/// The names of the thousand classes and of the groups above them.
pub struct Taxonomy {
    classes: Vec<Class>,
}

struct Class {
    name: &'static str,
    /// Nearest first.
    parents: Vec<&'static str>,
}

/// A label of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// A readable name in title case.
    pub name: &'static str,
    /// The confidence, 0 to 100, to two decimals.
    pub confidence: f64,
    /// The groups that it belongs to, nearest first.
    pub parents: Vec<&'static str>,
}

/// The version of the names and groups.
pub fn version() -> &'static str {
    SOURCE
        .lines()
        .find_map(|line| line.strip_prefix("# version "))
        .unwrap_or_default()
}

impl Taxonomy {
    /// Reads the names.
    pub fn new() -> Self {
        let classes = SOURCE.lines().filter(|line| !line.starts_with('#'));
        Self {
            classes: classes.filter_map(class).collect(),
        }
    }

    /// The labels with at least `min_confidence`, from the probability of each class. The
    /// confidence of a group is the sum of its classes. The most confident come first; of
    /// equally confident ones, the more specific.
    pub fn labels(&self, probabilities: &[f64], min_confidence: f64) -> Vec<Label> {
        let mut sums: BTreeMap<&str, (f64, &[&str])> = BTreeMap::new();
        for (class, probability) in self.classes.iter().zip(probabilities) {
            let mut parents = class.parents.as_slice();
            let mut name = Some(class.name);
            while let Some(counted) = name {
                sums.entry(counted).or_insert((0.0, parents)).0 += probability;
                let Some((next, rest)) = parents.split_first() else {
                    break;
                };
                name = Some(next);
                parents = rest;
            }
        }
        let mut labels: Vec<Label> = sums
            .into_iter()
            .map(|(name, (probability, parents))| Label {
                name,
                confidence: percent(probability),
                parents: parents.to_vec(),
            })
            .filter(|label| label.confidence >= min_confidence)
            .collect();
        labels.sort_by(|a, b| {
            b.confidence
                .total_cmp(&a.confidence)
                .then(b.parents.len().cmp(&a.parents.len()))
                .then(a.name.cmp(b.name))
        });
        labels
    }
}

impl Default for Taxonomy {
    fn default() -> Self {
        Self::new()
    }
}

fn class(line: &'static str) -> Option<Class> {
    let mut fields = line.split('|');
    let (_index, name, parents) = (fields.next()?, fields.next()?, fields.next()?);
    Some(Class {
        name,
        parents: parents
            .split(" > ")
            .filter(|name| !name.is_empty())
            .collect(),
    })
}

/// Sums of rounded numbers may exceed 1 a little.
fn percent(probability: f64) -> f64 {
    ((probability * 10_000.0).round() / 100.0).min(100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::CLASSES;

    /// The labels when these classes have these probabilities.
    fn labels(probabilities: &[(usize, f64)]) -> Vec<Label> {
        let mut all = vec![0.0; CLASSES];
        for (class, probability) in probabilities {
            all[*class] = *probability;
        }
        Taxonomy::new().labels(&all, 0.01)
    }

    fn names(labels: &[Label]) -> Vec<&str> {
        labels.iter().map(|label| label.name).collect()
    }

    #[test]
    fn every_class_is_named_in_its_place() {
        let lines: Vec<_> = SOURCE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert_eq!(lines.len(), CLASSES);
        for (index, line) in lines.iter().enumerate() {
            let (at, rest) = line.split_once('|').unwrap();
            assert_eq!(at, index.to_string());
            assert_eq!(rest.matches('|').count(), 1, "{line}");
        }
        for class in Taxonomy::new().classes {
            for name in std::iter::once(class.name).chain(class.parents) {
                let titled = name.starts_with(char::is_uppercase) || name == "iPod";
                assert!(titled && name.trim() == name, "{name:?}");
            }
        }
        assert!(!version().is_empty());
    }

    #[test]
    fn a_name_has_the_same_parents_wherever_it_stands() {
        let taxonomy = Taxonomy::new();
        let mut seen: BTreeMap<&str, &[&str]> = BTreeMap::new();
        for class in &taxonomy.classes {
            let mut parents = class.parents.as_slice();
            let mut name = class.name;
            loop {
                // So no name is its own parent, and no class is also a group.
                assert!(!parents.contains(&name), "{name} is above itself");
                assert_eq!(*seen.entry(name).or_insert(parents), parents, "{name}");
                let Some((next, rest)) = parents.split_first() else {
                    break;
                };
                (name, parents) = (next, rest);
            }
        }
        for group in taxonomy.classes.iter().flat_map(|class| &class.parents) {
            assert!(
                taxonomy.classes.iter().all(|class| class.name != *group),
                "{group}"
            );
        }
    }

    #[test]
    fn three_kinds_of_cat_make_a_cat() {
        let labels = labels(&[(285, 0.40), (282, 0.33), (281, 0.17), (728, 0.10)]);
        let cat = labels.iter().find(|label| label.name == "Cat").unwrap();
        assert_eq!(cat.confidence, 90.0);
        assert_eq!(cat.parents, ["Mammal", "Animal"]);
        assert_eq!(
            names(&labels),
            [
                "Cat",
                "Mammal",
                "Animal",
                "Egyptian Cat",
                "Tiger Cat",
                "Tabby",
                "Plastic Bag",
                "Bag"
            ]
        );
    }

    #[test]
    fn what_only_sounds_like_an_animal_is_none() {
        // Hot dog, catamaran, bullock cart, crane, computer mouse, horse chestnut.
        for class in [934, 484, 690, 517, 673, 990] {
            let labels = labels(&[(class, 1.0)]);
            assert!(labels.len() > 1, "{labels:?}");
            assert!(!names(&labels).contains(&"Animal"), "{labels:?}");
        }
        // Tiger shark, tiger beetle, fox squirrel, sea lion.
        for (class, not) in [
            (3, "Big Cat"),
            (300, "Big Cat"),
            (335, "Fox"),
            (150, "Big Cat"),
        ] {
            let labels = labels(&[(class, 1.0)]);
            assert!(names(&labels).contains(&"Animal"), "{labels:?}");
            assert!(!names(&labels).contains(&not), "{labels:?}");
        }
    }

    #[test]
    fn all_dogs_are_dogs() {
        for class in 151..=268 {
            let labels = labels(&[(class, 1.0)]);
            assert!(names(&labels).contains(&"Dog"), "{labels:?}");
        }
    }

    #[test]
    fn classes_that_share_a_name_are_one_label() {
        let labels = labels(&[(836, 0.5), (837, 0.5)]);
        assert_eq!(names(&labels), ["Sunglasses", "Eyewear"]);
        assert_eq!(labels[0].confidence, 100.0);
    }

    #[test]
    fn confidence_is_what_is_shown_and_compared() {
        let mut all = vec![0.0; CLASSES];
        all[872] = 0.749_96;
        let taxonomy = Taxonomy::new();
        let labels = taxonomy.labels(&all, 75.0);
        assert_eq!(labels[0].confidence, 75.0);
        all[872] = 0.749_94;
        assert_eq!(taxonomy.labels(&all, 75.0), []);
    }

    #[test]
    fn sums_stop_at_a_hundred() {
        let labels = labels(&[(285, 0.700_04), (281, 0.300_04)]);
        assert!(labels.iter().all(|label| label.confidence <= 100.0));
    }
}
