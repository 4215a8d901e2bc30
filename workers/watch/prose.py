"""Plain paragraphs for the canaries of texts. They were written for this project and are under its licence."""

from __future__ import annotations

from typing import Final

_TEXT = """
The harbour was built in three stages over almost forty years. At first there was only a wooden pier, long enough
for two fishing boats. When the railway reached the town, merchants asked for a stone quay with cranes, and the
council borrowed money to pay for it. The last stage was a breakwater, which keeps the autumn storms away from the
ships. Today most of the cargo has moved to a larger port in the south, and the old warehouses hold shops, a library
and a small museum about the sea.

Bread rises because yeast feeds on the sugar in flour and gives off a gas. The dough is elastic enough to hold the
bubbles, so it grows. Kneading makes long chains of protein that give the dough its strength. If it rests in a cool
place overnight, the taste becomes richer, since the slow work of the yeast leaves more flavour behind. In the oven
the gas expands once more before the heat sets the crumb, and the crust turns brown as sugar and protein react with
each other.

A river carries more than water. Sand, clay and small stones travel with the current, and they settle wherever it
becomes slow. Over many centuries this has built the wide plain on which the city stands. The soil there is deep and
easy to plough, which is why people settled early, but it also means that floods come every few years. The oldest
houses stand on low hills, and the newer ones are protected by walls of earth along both banks of the river.

The museum keeps about nine thousand objects, and only a tenth of them can be shown at the same time. The others are
stored in a cool and dry building outside the town, where each of them has a number and a photograph. Twice a year
the curators change the exhibition. They choose a subject, such as travel or light, and look for objects that tell
something about it. Visitors may also ask to see a particular object if they write a few weeks in advance.

Swifts spend nearly their whole lives in the air. They eat, drink and even sleep while flying, and they land only to
raise their young. In spring they return from the south to the same roofs on which they nested in the year before.
Modern buildings have few holes under the tiles, so the birds find fewer places every year. Some architects now add
small boxes to the walls of new houses. They cost little, and they are often used within one or two summers.

To mend a flat tyre, take the wheel off and let out the rest of the air. Lift one side of the tyre over the rim with
two levers, and pull out the tube. Pump it up a little and hold it under water: bubbles show where the hole is. Dry
the place, roughen it with sandpaper and spread a thin layer of glue. Wait until it is almost dry before you press
the patch on. Check the inside of the tyre for a thorn or a piece of glass before you put everything back together.

The first maps of the coast were drawn by sailors who measured angles with simple instruments. They knew the height
of the sun at noon, and from this they could tell how far north they were. How far east or west they had come was
much harder to find, because it needs a clock that runs well on a moving ship. When such clocks became cheap, the
maps improved within a single generation. Errors of fifty miles shrank to less than one, and many wrecks were
avoided.

Our association was founded by eleven neighbours who wanted to save an old orchard. The trees had not been cut for
years, and the owner planned to sell the land. The members collected money, bought the orchard and began to look
after it on Saturdays. Today there are more than two hundred trees of sixty kinds. Every October the apples are
pressed, and the juice is sold at the market. The income pays for tools, young trees and courses in which children
learn how to graft.

Glass is made from sand, soda and lime, which are melted together at about fifteen hundred degrees. While it is hot
it can be blown, pressed or drawn into sheets. For windows the melt flows onto a bath of liquid tin, where it
spreads until it is perfectly flat. It then cools slowly on rollers, because glass that cools too fast is full of
tension and breaks at the first touch. Old glass can be melted again as often as one likes without losing its
quality.

The new timetable begins on the second Sunday in December. Trains between the two largest cities will run every half
an hour instead of every hour, and the last connection leaves at midnight. In the valley, buses wait for the train
if it is less than ten minutes late. Some small stations will be served only in the morning and in the evening.
Passengers who depend on them have asked for a stop at noon, and the company has promised to look at the figures
again in summer.

Snow keeps the ground warm. A layer of thirty centimetres holds so much air that the soil below it hardly freezes,
even when the night is very cold. Mice dig tunnels between the grass and the snow and stay there for most of the
winter. Foxes can hear them, and jump high before they break through the crust. When the snow melts in spring, the
tunnels can be seen for a few days as a net of brown lines on the meadow, until the new grass has covered them.

The report describes how the bridge was examined. Engineers measured the thickness of the steel at four hundred
points and compared it with the drawings. They found rust in the places where water cannot run off, but the main
beams are sound. They recommend new drains and a fresh coat of paint within two years. The work will take about five
months, and one lane will stay open during that time. The costs are shared by the district and the town, as they
were in the past.

A good lens brings light of all colours to the same point. A single piece of glass cannot do this, because blue
light is bent more strongly than red light. Makers therefore combine two kinds of glass, so that one corrects the
error of the other. The idea is nearly three hundred years old, and it was first used in telescopes. Cameras need
more elements, since the picture has to be sharp from the centre to the corners. Each surface is coated so that it
reflects less light.

The village school has only two classes, and in each of them children of different ages learn together. The older
ones explain to the younger ones what they have understood themselves, and often understand it better by doing so.
The teacher prepares several tasks for every hour and walks from table to table. Visitors are surprised how quiet it
is. After six years the pupils move to the larger school in the town, and the reports from there say that they do
well.

Salt was once so valuable that roads were built for it. It was boiled from springs, dug from mines or won from the
sea in shallow basins, where wind and sun dry the water. Towns that controlled a pass or a bridge could ask for a
toll, and some of them became rich in this way. Salt was needed to keep meat and fish through the winter, and to tan
leather. When railways made transport cheap, the price fell within a few years, and the old roads were forgotten.

The telescope stands on a mountain because the air there is thin, dry and calm. Every clear night it follows a list
of targets that astronomers from many countries have sent in. A computer chooses the next target by its height above
the horizon and by the weather. The pictures are sent to an archive, where they belong for one year to those who
asked for them, and after that to everybody. More than half of the discoveries are now made in pictures that were
taken for another purpose.

Wool has to be washed before it can be spun, since the fleece of a sheep holds grease and dust. After washing it is
combed until all fibres lie in the same direction. A spinning wheel twists them into a thread, which becomes
stronger the more it is twisted. Two threads are often turned around each other to make a yarn that does not curl.
Plants such as madder and walnut give warm colours, and the bath in which the wool is dyed can be used several
times.

In the first week the group learned to read the weather. They looked at the clouds in the morning, wrote down the
pressure of the air and guessed what would follow. In the evening they compared the guess with what had happened. At
the end of the course they were right on four days out of five, which is not much worse than the forecast on the
radio. The guide said that the clouds are easy to learn, and that it is harder to change a plan when they speak
against it.
"""

PROSE: Final = tuple(" ".join(paragraph.split()) for paragraph in _TEXT.strip().split("\n\n"))
"""One paragraph each, without line breaks."""
