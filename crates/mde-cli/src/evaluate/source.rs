//! What is evaluated: a network, or files of another program's predictions.

use std::path::PathBuf;

use candle_core::Device;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use mde_datasets::DepthEncoding;

use super::given::{FilePredictions, GivenArgs};
use super::network::NetworkPredictions;
use super::predictions::Predictions;
use crate::data::DataArgs;
use crate::measured::{MeasureArgs, ProtocolArgs};
use crate::subject::SubjectArgs;

/// The source of predictions.
#[derive(Debug)]
pub(super) enum Source {
    Network {
        subject: SubjectArgs,
        measure: Box<MeasureArgs>,
    },
    Files {
        given: GivenArgs,
        protocol: ProtocolArgs,
        depth_encoding: Option<DepthEncoding>,
        out: Option<PathBuf>,
    },
}

impl Source {
    pub(super) fn from_run(run: PathBuf, data: DataArgs) -> Self {
        Self::Network {
            subject: SubjectArgs::from_run(run),
            measure: Box::new(MeasureArgs::new(data)),
        }
    }

    /// The options of the protocol.
    pub(super) fn protocol(&self) -> &ProtocolArgs {
        match self {
            Self::Network { measure, .. } => &measure.protocol,
            Self::Files { protocol, .. } => protocol,
        }
    }

    /// Opens the predictions. Those of a network are averaged with `flip_average` as by
    /// [`mde_analysis::predict_each`].
    pub(super) fn open(
        &self,
        flip_average: bool,
        device: &Device,
    ) -> anyhow::Result<Box<dyn Predictions>> {
        Ok(match self {
            Self::Network { subject, measure } => Box::new(NetworkPredictions::open(
                subject,
                measure,
                flip_average,
                device,
            )?),
            Self::Files {
                given,
                protocol,
                depth_encoding,
                out,
            } => Box::new(FilePredictions::open(
                given,
                protocol.name.as_deref(),
                *depth_encoding,
                out.as_deref(),
            )?),
        })
    }
}

/// Written by hand: --data is required for a network, but not with `--pred`.
impl Args for Source {
    fn augment_args(command: Command) -> Command {
        let command = MeasureArgs::augment_args(SubjectArgs::augment_args(command));
        GivenArgs::augment_args(command).mut_arg("data", |data| {
            data.required(false).required_unless_present("pred")
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Source {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        if !matches.contains_id("pred") {
            return Ok(Self::Network {
                subject: SubjectArgs::from_arg_matches(matches)?,
                measure: Box::new(MeasureArgs::from_arg_matches(matches)?),
            });
        }
        Ok(Self::Files {
            given: GivenArgs::from_arg_matches(matches)?,
            protocol: ProtocolArgs::from_arg_matches(matches)?,
            depth_encoding: matches.get_one("depth_encoding").copied(),
            out: matches.get_one("out").cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
