//! Streets: their layout and the camera that drives along them.

mod course;
mod fixtures;
mod frontage;
mod ground;
mod houses;
mod palette;
mod people;
mod plants;
mod site;
mod traffic;
mod vehicles;

use glam::Vec3;

use crate::random::Dice;
use crate::scene::Scene;
use crate::sky::Sky;
use course::Course;
use site::{Profile, Site};

/// The camera's position, and its yaw, pitch and roll in radians.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pose {
    pub(crate) position: Vec3,
    pub(crate) angles: [f32; 3],
}

/// A random street, and the pose of a camera on a car that drives along it.
pub(crate) fn built(dice: &mut Dice) -> (Scene, Pose) {
    let sky = Sky::new(dice);
    let course = Course {
        bend: dice.range(5.0, 60.0),
        curvature: match dice.int(0, 3) {
            0 | 1 => 0.0,
            _ => dice.pick(&[-1.0, 1.0]) / dice.range(45.0, 180.0),
        },
    };
    let profile = Profile::new(dice);
    let mut site = Site::new(dice, course, profile);
    ground::lay(dice, &mut site);
    frontage::build(dice, &mut site);
    traffic::place(dice, &mut site);
    let height = dice.range(1.6, 1.7);
    let right = site.profile.own_lane() + dice.range(-0.35, 0.35);
    let pose = Pose {
        position: course.at(0.0, right) + Vec3::Y * height,
        angles: dice.ranges([(-0.025, 0.025), (-0.018, 0.012), (-0.008, 0.008)]),
    };
    (Scene::outdoors(site.solids, sky), pose)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piece::Piece;

    /// One piece of every kind.
    fn pieces(dice: &mut Dice) -> Vec<(&'static str, Piece)> {
        let leaves = palette::leaves(dice);
        vec![
            ("car", vehicles::car(dice)),
            ("vehicle", vehicles::vehicle(dice)),
            ("pedestrian", people::pedestrian(dice)),
            ("cyclist", people::cyclist(dice)),
            ("bicycle", people::bicycle(dice)),
            ("row house", houses::row_house(dice, 9.0, true)),
            ("villa", houses::villa(dice, 10.0, true)),
            ("far villa", houses::villa(dice, 10.0, false)),
            ("large building", houses::large_building(dice, 30.0)),
            ("hedge", plants::hedge(dice, 6.0, 1.2, leaves)),
            ("lamp post", fixtures::lamp_post(dice)),
            ("mast", fixtures::mast(dice)),
            ("sign", fixtures::sign(dice)),
            ("traffic light", fixtures::traffic_light(dice)),
            ("bollard", fixtures::bollard(dice)),
            ("bin", fixtures::bin(dice)),
            ("column", fixtures::advertising_column(dice)),
            ("fence", fixtures::fence(dice, 6.0)),
            ("wall", fixtures::wall(dice, 9.0, 2.0)),
            ("guard rail", fixtures::guard_rail(dice, 4.0)),
            ("tree", plants::tree(dice, 9.0)),
        ]
    }

    #[test]
    fn everything_stands_on_the_ground_at_its_own_height() {
        let mut dice = Dice::new(5, 0);
        for _ in 0..60 {
            for (name, piece) in pieces(&mut dice) {
                let (low, top) = piece.extent();
                assert!(
                    (-0.03..0.05).contains(&low),
                    "{name} starts {low} m above the ground"
                );
                let roofed = name.ends_with("house") || name.ends_with("villa");
                let most = if roofed { 3.4 } else { 1.25 };
                let share = top / piece.size.y;
                assert!(
                    (0.85..most).contains(&share),
                    "{name}: {top} of {}",
                    piece.size.y
                );
            }
        }
    }

    #[test]
    fn vehicles_have_the_size_that_they_take() {
        let mut dice = Dice::new(6, 0);
        for _ in 0..200 {
            let vehicle = vehicles::vehicle(&mut dice);
            assert!((3.5..12.1).contains(&vehicle.size.z) && (1.5..2.6).contains(&vehicle.size.x));
            for solid in &vehicle.solids {
                let out = solid.centre.abs() + solid.reach() - vehicle.size / 2.0;
                assert!(out.x < 0.2 && out.z < 0.05, "sticks out by {out}");
            }
        }
    }

    #[test]
    fn nothing_stands_in_the_way_of_the_camera() {
        for index in 0..80 {
            let (scene, pose) = built(&mut Dice::new(7, index));
            let ray = crate::solid::Ray {
                origin: pose.position,
                direction: Vec3::Z,
            };
            let free = scene
                .bvh
                .closest(&ray, f32::INFINITY)
                .map_or(f32::INFINITY, |hit| hit.0);
            assert!(free > 5.0, "street {index}: {free} m");
        }
    }
}
