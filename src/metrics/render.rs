//! The text that Prometheus reads.

use std::{collections::HashMap, sync::Arc};

use prometheus::{
    TextEncoder,
    core::{Collector, Desc},
    proto::{Bucket, Counter, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};

use super::{
    DIRECTIONS, Flow, Metrics,
    counters::{BOUNDS, Durations, Observed},
    kinds, place,
};
use crate::{config::Transport, hub::Hub};

impl Metrics {
    /// The state of the relay in Prometheus' text format 0.0.4. `certificates`: when that of each listener runs out, in
    /// seconds since 1970.
    pub fn render(
        &self,
        hub: &Hub,
        certificates: impl IntoIterator<Item = (String, i64)>,
    ) -> prometheus::Result<String> {
        self.scraped.look(hub, certificates);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

const RELAY: (&str, &str) = (
    "intercessor_relay_duration_seconds",
    "From having read an envelope to having written it to its recipient's connection: of each batch written, the envelope that waited longest",
);
const SCHEMA: (&str, &str) = (
    "intercessor_schema_duration_seconds",
    "Time to judge a message by its schema: of each session, one message in 16",
);
const HANDSHAKE: (&str, &str) = (
    "intercessor_handshake_duration_seconds",
    "From accepting a connection to the end of its handshake",
);

/// Collects what is counted on the way of every message.
pub(super) struct FlowCollector {
    flow: Arc<Flow>,
    descriptions: Vec<Desc>,
}

impl FlowCollector {
    pub(super) fn new(flow: &Arc<Flow>) -> prometheus::Result<Self> {
        let describe = |(name, help): (&str, &str), labels: &[&str]| {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new())
        };
        let mut descriptions = DIRECTIONS
            .into_iter()
            .map(|it| describe(it, &["role", "transport"]))
            .collect::<Result<Vec<_>, _>>()?;
        descriptions.push(describe(RELAY, &[])?);
        descriptions.push(describe(SCHEMA, &[])?);
        descriptions.push(describe(HANDSHAKE, &["transport"])?);
        Ok(Self {
            flow: Arc::clone(flow),
            descriptions,
        })
    }
}

impl Collector for FlowCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let sums = self.flow.traffic.sums();
        let traffic = DIRECTIONS
            .into_iter()
            .enumerate()
            .map(|(direction, named)| {
                let metrics = kinds()
                    .map(|(role, transport)| {
                        let labels = vec![
                            label("role", role.as_str()),
                            label("transport", transport.as_str()),
                        ];
                        counter(sums[place(role, transport) + direction], labels)
                    })
                    .collect();
                family(named, MetricType::COUNTER, metrics)
            });
        let handshakes = Transport::ALL
            .into_iter()
            .map(|transport| {
                let labels = vec![label("transport", transport.as_str())];
                histogram(&self.flow.handshake[transport as usize], labels)
            })
            .collect();
        let relay = vec![histogram(&self.flow.relay, Vec::new())];
        let schema = vec![histogram(&self.flow.schema, Vec::new())];
        traffic
            .chain([
                family(RELAY, MetricType::HISTOGRAM, relay),
                family(SCHEMA, MetricType::HISTOGRAM, schema),
                family(HANDSHAKE, MetricType::HISTOGRAM, handshakes),
            ])
            .collect()
    }
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn counter(value: u64, labels: Vec<LabelPair>) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value as f64);
    let mut metric = Metric::from_label(labels);
    metric.set_counter(counter);
    metric
}

fn histogram(durations: &Durations, labels: Vec<LabelPair>) -> Metric {
    let Observed {
        cumulative,
        count,
        seconds,
    } = durations.observed();
    let buckets = BOUNDS.iter().zip(cumulative).map(|(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound as f64 / 1e9);
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(count);
    histogram.set_sample_sum(seconds);
    let mut metric = Metric::from_label(labels);
    metric.set_histogram(histogram);
    metric
}

fn family((name, help): (&str, &str), kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}
