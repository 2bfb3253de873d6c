//! `cargo xtask reproduce`: the paper's experiment, end to end.
//!
//! Each stage is a command of `mde`, which skips finished work and resumes interrupted work: the
//! same command after a kill ends with the same numbers.

mod choice;
mod data;
mod plan;

use std::path::PathBuf;

use mde_fetch::{Home, WeightSource};

use self::choice::Choice;
use self::plan::{Plan, Start};
use crate::fetch::terminal;
use crate::mde::{DeviceChoice, Mde};

/// The experiments.
#[derive(clap::Subcommand)]
pub(crate) enum Experiment {
    /// On procedural rooms, rendered locally; downloads nothing.
    Rooms(Options),
    /// On procedural streets with sparse depth, rendered locally; downloads nothing.
    Streets(Options),
    /// On NYU Depth V2, downloaded if missing.
    Nyu {
        /// The folder with nyuv2_train.csv (or nyuv2_labeled_train.csv), nyuv2_test.csv and what
        /// they list [default: data/nyu of the workspace, filled as `cargo xtask fetch-data nyu`
        /// does it].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        #[command(flatten)]
        options: Options,
    },
    /// On KITTI's Eigen split, downloaded if missing.
    Kitti {
        /// The folder with eigen_train_files_with_gt.txt, eigen_test_files_with_gt.txt and what
        /// they list [default: data/kitti of the workspace, filled as `cargo xtask fetch-data
        /// kitti` does it].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        #[command(flatten)]
        options: Options,
    },
}

/// Options of all experiments.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The network [default: mff-tiny indoors, bts-tiny-kitti on streets; on real data, with an
    /// NVIDIA GPU and nvcc, the paper's mff-resnet50 and bts-resnet50-kitti]. METER is fine-tuned
    /// from its published weights; the paper's full-size networks begin with ImageNet's and take a
    /// GPU.
    #[arg(long)]
    model: Option<String>,
    /// Initial weights, for networks that use them [default: fetched as by `cargo xtask
    /// fetch-weights`].
    #[arg(long, value_name = "FILE|NAME|hf:…")]
    init: Option<WeightSource>,
    /// Use a small budget: shows that everything works, not the full effect.
    #[arg(long)]
    quick: bool,
    /// Output folder of data, runs and report [default: data/runs/EXPERIMENT of the workspace,
    /// with the model, -quick and the seed where they apply].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Random seed of weights, image order and augmentation.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Device for training and measuring.
    #[arg(long, value_enum, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// Download without asking.
    #[arg(long)]
    yes: bool,
}

/// Runs an experiment and prints the path of the report.
pub(crate) fn run(experiment: Experiment) -> anyhow::Result<()> {
    let (kind, options, data) = match experiment {
        Experiment::Rooms(options) => ("rooms", options, None),
        Experiment::Streets(options) => ("streets", options, None),
        Experiment::Nyu { data, options } => ("nyu", options, Some(data)),
        Experiment::Kitti { data, options } => ("kitti", options, Some(data)),
    };
    let home = Home::find()?;
    let front = terminal();
    let choice = Choice::new(kind, options.model.as_deref(), options.device.wants_cuda());
    let plan = Plan::new(kind, &choice.model, options.quick);
    let out = options
        .out
        .clone()
        .unwrap_or_else(|| default_out(kind, &choice, &options, &home));
    choice.announce(kind, options.quick);
    let missing = match data.as_ref().map(Option::as_deref) {
        None => None,
        Some(folder) => data::missing(kind, folder, &home, &front)?,
    };
    let needed = plan.start.weights().filter(|_| options.init.is_none());
    let mut agreed = options.yes;
    if let Some(missing) = &missing {
        missing.ask(needed, options.yes)?;
        agreed = true;
    }
    let weights = initial_weights(&plan, options.init, &home, agreed)?;
    let mde = Mde::build(options.device)?;
    if let Some(missing) = missing {
        stage(&format!("fetching {kind}"));
        missing.fetch(&mde)?;
    }
    let folder = match &data {
        Some(folder) => folder.clone().unwrap_or_else(|| home.data(kind)),
        None => out.join("data"),
    };
    let pipeline = Pipeline {
        mde,
        data: format!("{kind}:{}", folder.display()),
        seed: options.seed.to_string(),
        weights,
        plan,
        out,
    };
    pipeline.run(kind)
}

/// The stages of one experiment.
struct Pipeline {
    mde: Mde,
    plan: Plan,
    /// The data set as KIND:DIR.
    data: String,
    out: PathBuf,
    seed: String,
    /// Initial weights, if any.
    weights: Option<PathBuf>,
}

impl Pipeline {
    fn run(&self, kind: &str) -> anyhow::Result<()> {
        if let Some(scenes) = self.plan.scenes {
            stage(&format!("rendering {kind}"));
            let folder = self.out.join("data").display().to_string();
            let size = [scenes.train, scenes.test, scenes.width, scenes.height];
            let [train, test, width, height] = size.map(|number| number.to_string());
            let mut render = vec!["render", kind, "--out", &folder];
            render.extend(["--train", &train, "--test", &test]);
            render.extend(["--width", &width, "--height", &height]);
            self.mde.run(render)?;
        }
        if let (Start::Network { .. }, Some(weights)) = (&self.plan.start, &self.weights) {
            let (weights, out) = (weights.display().to_string(), self.folder("published"));
            let model = ["--model", &self.plan.model];
            self.measure(
                "published",
                &[&model[..], &["--weights", &weights, "--out", &out]].concat(),
            )?;
        }
        for (name, alpha) in [("plain", "0"), ("assigned", self.plan.alpha)] {
            self.train(name, alpha)?;
            self.measure(name, &["--run", &self.folder(name)])?;
        }
        stage("report");
        let title = format!("Depth-selective units: {} on {kind}", self.plan.model);
        let (plain, assigned) = (self.folder("plain"), self.folder("assigned"));
        let out = self.out.display().to_string();
        self.mde.run([
            "report", &plain, &assigned, "--out", &out, "--title", &title,
        ])
    }

    fn train(&self, name: &str, alpha: &str) -> anyhow::Result<()> {
        stage(&format!("training, {name}"));
        let out = self.folder(name);
        let mut train = vec!["train", "--data", &self.data, "--out", &out];
        train.extend(["--model", &self.plan.model, "--seed", &self.seed]);
        let file = self
            .weights
            .as_ref()
            .map(|weights| weights.display().to_string());
        if let (Some(option), Some(file)) = (self.plan.start.option(), &file) {
            train.extend([option, file]);
        }
        train.extend(&self.plan.training);
        train.extend(["--alpha", alpha, "--layers", self.plan.layers]);
        self.mde.run(train)
    }

    /// Evaluates, dissects, ablates and corrects the network that `subject` names.
    fn measure(&self, name: &str, subject: &[&str]) -> anyhow::Result<()> {
        let data = ["--data", &self.data];
        let dissect = ["dissect", "--layers", self.plan.layers];
        for (doing, command) in [
            ("evaluating", &["evaluate"][..]),
            ("dissecting", &dissect),
            ("ablating", &["ablate"]),
            ("correcting", &["correct"]),
        ] {
            stage(&format!("{doing}, {name}"));
            self.mde.run([command, subject, &data].concat())?;
        }
        Ok(())
    }

    fn folder(&self, name: &str) -> String {
        self.out.join(name).display().to_string()
    }
}

/// The initial weights of a plan: the given ones, else those of the plan, fetched if missing.
fn initial_weights(
    plan: &Plan,
    given: Option<WeightSource>,
    home: &Home,
    agreed: bool,
) -> anyhow::Result<Option<PathBuf>> {
    let source = match (plan.start.weights(), given) {
        (None, None) => return Ok(None),
        (None, Some(_)) => anyhow::bail!(
            "{} starts from random weights here, so --init is not used; to fine-tune it, run mde train --init FILE",
            plan.model
        ),
        (_, Some(source)) => source,
        (Some(name), None) => name.parse()?,
    };
    let front = if agreed {
        terminal().with_consent()
    } else {
        terminal()
    };
    Ok(Some(mde_fetch::resolve(&source, home, &front)?))
}

fn default_out(kind: &str, choice: &Choice, options: &Options, home: &Home) -> PathBuf {
    let mut folder = kind.to_owned();
    if choice.is_named() {
        folder += &format!("-{}", choice.model);
    }
    if options.quick {
        folder += "-quick";
    }
    if options.seed != 0 {
        folder += &format!("-seed{}", options.seed);
    }
    home.runs().join(folder)
}

/// Announces a stage on stderr.
fn stage(what: &str) {
    eprintln!("== {what}");
}
