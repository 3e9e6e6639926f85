/* The least transmit amplitude of a link that is on, as a part of sqrt(pmax). Amplitudes of links that WMMSE silences
 * for a while decay by factors; in double precision they stay above 0 and come back when the interference is gone, in
 * single precision they would underflow, and 0 is for good. Its square is a normal number. */
#ifndef POWALLOC_LIB_FLOOR_H
#define POWALLOC_LIB_FLOOR_H

#ifdef PA_SINGLE
#define FLOOR 1e-18f
#else
#define FLOOR 0.0
#endif

#endif
