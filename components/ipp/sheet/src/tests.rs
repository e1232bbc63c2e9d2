//! Workbooks of all kinds, by `rust_xlsxwriter` and by hand.

mod files;
mod foreign;
mod hostile;
mod make;
mod odd;
mod parts;
mod values;
