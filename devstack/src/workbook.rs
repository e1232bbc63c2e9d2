//! Workbooks as the first job of ipp writes them.

use std::sync::{Arc, Mutex, PoisonError};

use catalog::Https;
use objects::Objects;
use rust_xlsxwriter::{Workbook, XlsxError};

use crate::{
    Result, S3,
    databricks::{OnSuccess, SeenRun},
};

/// The media type of workbooks.
const CONTENT_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Files by their names.
type Files = Vec<(String, Vec<u8>)>;

/// The files that the first job of Databricks writes into the bucket of raw files before a
/// run ends: `raw_data.xlsx` with rows of its mostradores, or the files that are set.
#[derive(Clone)]
pub struct Workbooks {
    bucket: Objects<Https>,
    next: Arc<Mutex<Option<Files>>>,
}

impl std::fmt::Debug for Workbooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workbooks").finish_non_exhaustive()
    }
}

impl Workbooks {
    pub(crate) fn new(s3: &S3, bucket: &str) -> Result<Self> {
        Ok(Self {
            bucket: s3.bucket(bucket)?,
            next: Arc::default(),
        })
    }

    /// Sets the files that later runs write, by their names.
    pub fn set<'a>(&self, files: impl IntoIterator<Item = (&'a str, Vec<u8>)>) {
        let files = files.into_iter();
        let files = files.map(|(name, bytes)| (name.to_owned(), bytes));
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(files.collect());
    }

    pub(crate) fn on_success(&self) -> OnSuccess {
        let workbooks = self.clone();
        Arc::new(move |run| {
            let workbooks = workbooks.clone();
            Box::pin(async move { workbooks.write(run).await })
        })
    }

    async fn write(&self, run: SeenRun) {
        let (Some(prefix), Some(mostradores)) = (
            run.params.get("output_prefix"),
            run.params.get("mostradores_lambda"),
        ) else {
            // The second job reads.
            return;
        };
        let set = self
            .next
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let files = match set {
            Some(files) => files,
            None => {
                let mostradores: Vec<_> = mostradores.split(',').collect();
                let bytes = workbook(&mostradores).unwrap_or_default();
                vec![("raw_data.xlsx".to_owned(), bytes)]
            }
        };
        for (name, bytes) in files {
            let key = format!("{prefix}{name}");
            if let Err(error) = self.bucket.put(&key, bytes, CONTENT_TYPE).await {
                tracing::error!(%error, key, "the job could not write a file");
            }
        }
    }
}

/// The columns, as the rounding rule reads them.
const HEADER: [&str; 10] = [
    "Cliente",
    "Material",
    "EAN/UPC",
    "Ctd.UMB",
    "Factor F",
    "Ponderación Tradicional",
    "Factor 9",
    "Factor D",
    "Precio",
    "Importe de venta",
];

/// A workbook with a row for each mostrador and each of a few materials.
///
/// # Errors
/// There are more rows than a sheet has.
pub fn workbook(mostradores: &[&str]) -> std::result::Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("Datos")?;
    sheet.write_row(0, 0, HEADER)?;
    let mut row = 0;
    for mostrador in mostradores {
        for (material, factors) in [
            ("000000000000481516", [1.2, 0.27, 0.0, 0.0]),
            ("000000000000234200", [1.2, 0.26, 0.0, 0.0]),
            ("000000000000000815", [0.0, 0.0, 3.9, 0.0]),
            ("000000000000001974", [2.0, 0.0, 0.0, 0.469]),
        ] {
            row += 1;
            sheet.write_string(row, 0, *mostrador)?;
            sheet.write_string(row, 1, material)?;
            sheet.write_string(row, 2, "7501008042045")?;
            sheet.write_number(row, 3, 12.0)?;
            sheet.write_row(row, 4, factors)?;
            sheet.write_number(row, 8, 99.99)?;
            sheet.write_number(row, 9, 1199.88)?;
        }
    }
    workbook.save_to_buffer()
}
