"""From a network to crossbars: unrolled to units, decomposed, gathered on crossbars, placed on the mesh."""
