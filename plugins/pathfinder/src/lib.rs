//! Multi-path Pathfinder for Firebrand.
