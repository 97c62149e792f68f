//! The kinds of nodes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! resource_types {
    ($($variant:ident = $text:literal, $doc:literal;)*) => {
        /// What a node of the graph is. The text form is what `resource_type:` selects.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ResourceType { $(#[doc = $doc] $variant,)* }

        impl ResourceType {
            pub const ALL: &[ResourceType] = &[$(ResourceType::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(ResourceType::$variant => $text,)* }
            }
        }
    };
}

resource_types! {
    Source = "source", "A table that is filled from outside; with an ingest file, `build` loads it.";
    Seed = "seed", "A small CSV file of the project.";
    Model = "model", "A SQL transformation, as in dbt. Never a trained thing.";
    Snapshot = "snapshot", "The history of a mutable table (slowly changing dimension, type 2).";
    Test = "test", "A query that returns the rows which break a rule.";
    UnitTest = "unit_test", "A model's SQL over given rows, and the rows that it must answer.";
    Analysis = "analysis", "SQL that is compiled and never run.";
    Function = "function", "A function of the database, whose body is a file of the project.";
    Exposure = "exposure", "Something outside of the project that uses its tables.";
    SemanticModel = "semantic_model", "What a model's columns mean: entities, dimensions, measures.";
    Metric = "metric", "A number that semantic models define.";
    SavedQuery = "saved_query", "Metrics by dimensions, as they are asked for together.";
    Operation = "operation", "A hook that runs before or after everything else.";
    FeatureView = "feature_view", "Features of an entity over time.";
    FeatureService = "feature_service", "A named set of features.";
    TrainingJob = "training_job", "How a registered model is trained and judged.";
    RegisteredModel = "registered_model", "A trained thing with versions and aliases.";
    InferenceService = "inference_service", "A served registered model.";
    Monitor = "monitor", "A rule over an inference service's inputs and outputs.";
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ResourceType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == text)
            .ok_or(())
    }
}

impl ResourceType {
    /// Checks something and makes nothing.
    pub fn is_test(self) -> bool {
        matches!(self, ResourceType::Test | ResourceType::UnitTest)
    }
}
