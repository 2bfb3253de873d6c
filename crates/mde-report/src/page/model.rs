//! The models of the report, and the names that the page gives them.

use std::ops::Deref;

use mde_metrics::DepthErrors;
use mde_metrics::statistics::{Bootstrap, Interval};
use mde_results::{ConstantBaseline, LayerDissection, RunResults};
use serde::Serialize;

/// How the page names and colours a model.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Label {
    /// CSS class, which carries the colour.
    pub class: &'static str,
    /// In tables and addresses: "plain" and "assigned", or "first" and "second".
    pub key: &'static str,
    /// As a heading.
    pub label: String,
    /// Within a sentence, as in "the plain model".
    pub name: String,
}

impl Label {
    fn new(class: &'static str, key: &'static str, name: &str) -> Self {
        let name = name.to_owned();
        let label = name.clone();
        Self {
            class,
            key,
            label,
            name,
        }
    }

    fn plain() -> Self {
        let label = "Plain".to_owned();
        Self {
            label,
            ..Self::new("plain", "plain", "plain")
        }
    }

    fn assigned() -> Self {
        let label = "Assigned".to_owned();
        Self {
            label,
            ..Self::new("assigned", "assigned", "assigned")
        }
    }
}

/// A run and its label.
pub(super) struct Model<'run> {
    pub run: &'run RunResults,
    pub label: Label,
}

impl<'run> Model<'run> {
    /// The layers that the model's mean selectivity is taken over: the assigned ones, or else all.
    pub(super) fn counted_layers(&self) -> Vec<&'run LayerDissection> {
        let assigned = self.run.assigned_layers();
        let layers = self.run.layers().iter();
        layers
            .filter(|layer| assigned.is_empty() || assigned.contains(&layer.layer))
            .collect()
    }

    /// The interval over images of the mean of a metric, by its key in `DepthErrors::NAMES`.
    pub(super) fn interval(&self, metric: &str) -> Option<Interval> {
        let metric = DepthErrors::NAMES.iter().position(|name| *name == metric)?;
        let images = self.run.evaluation.per_image.iter();
        let values: Vec<f64> = images.map(|image| image.errors.values()[metric]).collect();
        Bootstrap::default().mean(&values)?.interval
    }
}

/// The one or two models of the report, and what they have in common.
pub(super) struct Models<'run>(Vec<Model<'run>>);

impl<'run> Deref for Models<'run> {
    type Target = [Model<'run>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'run> Models<'run> {
    /// Labels the runs "Plain" and "Assigned" if they are that, else by the names of their folders.
    pub(super) fn new(first: &'run RunResults, second: Option<&'run RunResults>) -> Self {
        let is_plain = |run: &RunResults| run.assigned_layers().is_empty();
        let Some(second) = second else {
            let measured = &first.evaluation.provenance;
            let label = match is_plain(first) {
                // How another program trained its network is not known.
                _ if measured.is_stored() => Label::new("plain", "first", &measured.model),
                true => Label::plain(),
                false => Label::assigned(),
            };
            return Self(vec![Model { run: first, label }]);
        };
        let runs = [first, second];
        let labels = if is_plain(first) && !is_plain(second) {
            [Label::plain(), Label::assigned()]
        } else {
            let mut names = runs.map(|run| {
                let name = run.folder.path().file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            });
            if names[0] == names[1] || names.iter().any(String::is_empty) {
                names = ["first", "second"].map(str::to_owned);
            }
            [
                Label::new("plain", "first", &names[0]),
                Label::new("assigned", "second", &names[1]),
            ]
        };
        let models = runs.into_iter().zip(labels);
        Self(models.map(|(run, label)| Model { run, label }).collect())
    }

    /// The first model. Its data and protocol are those of both runs of a comparison.
    pub(super) fn first(&self) -> &Model<'run> {
        &self.0[0]
    }

    /// Names of all dissected layers: the first model's in order, then those of the second alone.
    pub(super) fn layer_names(&self) -> Vec<&'run str> {
        let mut names: Vec<&str> = Vec::new();
        for layer in self.iter().flat_map(|model| model.run.layers()) {
            if !names.contains(&layer.layer.as_str()) {
                names.push(&layer.layer);
            }
        }
        names
    }

    /// What `find` gives for each layer in each model, layer by layer.
    pub(super) fn by_layer<'a, T>(
        &'a self,
        find: impl Fn(&'a Model<'run>, &'run str) -> Option<T>,
    ) -> Vec<(&'a Model<'run>, T)> {
        let find = &find;
        let names = self.layer_names().into_iter();
        names
            .flat_map(|name| {
                self.iter()
                    .filter_map(move |model| Some((model, find(model, name)?)))
            })
            .collect()
    }

    /// The dissection of each layer in each model, layer by layer.
    pub(super) fn dissected(&self) -> Vec<(&Model<'run>, &'run LayerDissection)> {
        self.by_layer(|model, name| model.run.layer(name))
    }

    /// Every dissected layer, model by model.
    pub(super) fn layers(&self) -> impl Iterator<Item = (&Model<'run>, &'run LayerDissection)> {
        self.iter()
            .flat_map(|model| model.run.layers().iter().map(move |layer| (model, layer)))
    }

    /// `title` with the model's name after it, where there are two models.
    pub(super) fn titled(&self, title: &str, model: &Model<'_>) -> String {
        match self.len() {
            1 => title.to_owned(),
            _ => format!("{title}, {}", model.label.name),
        }
    }

    /// The labels as column heads.
    pub(super) fn heads(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|model| model.label.label.as_str())
    }

    /// Errors of predicting one depth everywhere: those of the first run that has them.
    pub(super) fn baseline(&self) -> Option<&'run ConstantBaseline> {
        self.iter()
            .find_map(|model| model.run.evaluation.constant_baseline.as_ref())
    }
}

/// Second less first, where there are two values.
pub(super) fn change_of(values: &[Option<f64>]) -> Option<Option<f64>> {
    match values {
        [first, second] => Some(first.zip(*second).map(|(first, second)| second - first)),
        _ => None,
    }
}
