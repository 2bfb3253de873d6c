#![doc = include_str!("../README.md")]
//!
//! # Code map
//!
//! | modules | hold |
//! |---|---|
//! | `room`, `plan`, `shell`, `arrange`, `furniture` | rooms: kinds, floor plan, walls, furniture |
//! | `street` | streets: cross-section, ground, houses, plants, traffic |
//! | `solid`, `piece`, `light`, `sky`, `scene`, `bvh` | what scenes consist of, and ray queries |
//! | `material`, `texture`, `albedo`, `pattern`, `pictures`, `outdoors`, `colour` | surfaces |
//! | `camera`, `view`, `shade` | pose, first hits, light |
//! | `sensor`, `lidar` | photographs; depth as a Kinect and as a laser scanner measure it |
//! | `frame`, `sheet` | [`render_room`], [`render_street`], contact sheets |
//! | `config`, `layout`, `writer`, `error` | data sets on disk |
//! | `random` | the seeded numbers behind everything |
//!
//! **Invariants.** A scene is a function of its seed and index: the order of random draws is part
//! of the format. A change that alters one image raises the layout's generation.

mod albedo;
mod arrange;
mod bvh;
mod camera;
mod colour;
mod config;
mod error;
mod frame;
mod furniture;
mod layout;
mod lidar;
mod light;
mod material;
mod outdoors;
mod pattern;
mod pictures;
mod piece;
mod plan;
mod random;
mod room;
mod scene;
mod sensor;
mod shade;
mod sheet;
mod shell;
mod sky;
mod solid;
mod street;
mod texture;
mod view;
mod writer;

pub use camera::{KINECT_FOCAL, KITTI_FOCAL, KITTI_SIZE};
pub use config::RenderConfig;
pub use error::SceneError;
pub use frame::{Frame, render_room, render_street};
pub use lidar::{LIDAR_MAX_DEPTH, LIDAR_STEPS_PER_METRE};
pub use sensor::{KINECT_MAX_DEPTH, KINECT_MIN_DEPTH};
pub use sheet::{room_sheet, street_sheet};
pub use writer::{RenderEvent, RenderSummary, write_rooms, write_streets};
