//! From run folders to the content of the page: words, tables, charts and pictures, a file per
//! section.

mod ablation;
mod accuracy;
mod answer;
mod browser;
mod browser_data;
mod build;
mod corrected_maps;
mod correction;
mod discretisations;
mod missing;
mod model;
mod pairs;
mod pictures;
mod provenance;
mod selectivity;
mod terms;
mod training;
mod units;
mod view;
mod words;

pub(crate) use browser_data::BrowserData;
pub(crate) use view::Page;
