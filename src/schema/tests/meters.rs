use jsonschema::json::{Array, Node, Object};

use super::{
    super::meter::{Meter, Metered, was_found_in_time},
    *,
};

const PLENTY: u64 = 1_000;

#[test]
fn once_the_steps_are_spent_a_message_looks_empty() {
    let message = json!({ "items": [1, 2, 3, 4, 5], "text": "x".repeat(640) });
    let meter = Meter::new(4, 10);
    let text = message.to_string();
    let mut tape = Tape::default();
    let view = Metered::new(read_message(&text, &mut tape).unwrap(), &meter);
    let members = view.as_object().unwrap();
    let items = members
        .get(&"items".to_owned())
        .unwrap()
        .as_array()
        .unwrap();
    assert!(!meter.is_spent());
    assert_eq!(items.elements().count(), 3);
    assert!(meter.is_spent());
    assert_eq!(items.elements().count(), 0);
    assert_eq!(members.members().count(), 0);
    assert!(members.get(&"items".to_owned()).is_none());
}

#[test]
fn a_long_string_takes_more_steps() {
    let text = Value::from("x".repeat(640));
    let meter = Meter::new(11, 10);
    let text = text.to_string();
    let mut tape = Tape::default();
    let view = Metered::new(read_message(&text, &mut tape).unwrap(), &meter);
    assert_eq!(view.as_string().unwrap().len(), 640);
    assert_eq!(view.as_string().unwrap(), "");
    assert!(meter.is_spent());
}

#[test]
fn an_error_holds_nothing_of_a_message_but_when_it_was_found() {
    let message = json!({ "secret": "secret" });
    let meter = Meter::new(PLENTY, 2);
    let text = message.to_string();
    let mut tape = Tape::default();
    let view = Metered::new(read_message(&text, &mut tape).unwrap(), &meter);
    let stand_ins: Vec<Value> = (0..4).map(|_| view.to_value().into_owned()).collect();
    let in_time: Vec<bool> = stand_ins.iter().map(was_found_in_time).collect();
    assert_eq!(in_time, [true, true, false, false]);
    assert!(
        stand_ins
            .iter()
            .all(|stand_in| !stand_in.to_string().contains("secret"))
    );
    assert_eq!(view.as_object().unwrap().members().count(), 0);
}
