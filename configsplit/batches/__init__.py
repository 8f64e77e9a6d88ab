"""Many models at once: recipes, jobs, outcomes, engines, and the page that tells how it went."""
