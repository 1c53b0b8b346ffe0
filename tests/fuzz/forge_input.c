/* SPDX-License-Identifier: MIT
 * Decodes and mutates inputs that consist of steps, see forge.h. */
#include "tests/fuzz/forge.h"

#include <string.h>

size_t forge_steps(const uint8_t *data, size_t size, struct forge_step steps[FORGE_STEPS_MAX])
{
	size_t count = size < FORGE_HEADER ? 0 : (size - FORGE_HEADER) / sizeof(*steps);

	if (count > FORGE_STEPS_MAX)
		count = FORGE_STEPS_MAX;
	if (count)
		memcpy(steps, data + FORGE_HEADER, count * sizeof(*steps));
	return count;
}

static struct forge_step random_step(uint64_t *random, unsigned operations)
{
	struct forge_step step = {
		.a = (uint8_t)random_from(random),
		.b = (uint16_t)random_from(random),
		.place = (uint32_t)random_from(random),
		.value = fuzz_number(random),
	};

	/* Edits from EDIT_CUT on change the size of the file. They are rare, because they make
	 * forge_restore() restore many pages. */
	if (random_from(random) % 8 < 3)
		step.what = (uint8_t)(random_from(random) %
		                      (random_from(random) % 32 ? EDIT_CUT : EDITS));
	else
		step.what = (uint8_t)(FORGE_EDITS + random_from(random) % operations);
	return step;
}

size_t forge_mutate(uint8_t *data, size_t size, size_t capacity, unsigned seed, unsigned operations)
{
	uint64_t random = seed;
	struct forge_step step = random_step(&random, operations);
	size_t count, at;

	if (size < FORGE_HEADER) {
		memset(data, 1, FORGE_HEADER);
		size = FORGE_HEADER;
	}
	count = (size - FORGE_HEADER) / sizeof(step);
	size = FORGE_HEADER + count * sizeof(step);
	at = FORGE_HEADER + (count ? random_from(&random) % (count + 1) : 0) * sizeof(step);
	switch (random_from(&random) % 8) {
	case 0:
		data[0] = (uint8_t)random_from(&random);
		data[1] = (uint8_t)(random_from(&random) % 16 ? 0 : random_from(&random));
		return size;
	case 1:
	case 2:
		if (count < 3 || at == size)
			break;
		memmove(data + at, data + at + sizeof(step), size - at - sizeof(step));
		return size - sizeof(step);
	case 3:
		if (at == size)
			break;
		memcpy(data + at, &step, sizeof(step));
		return size;
	case 4:
		if (at == size)
			break;
		memcpy(&step.what, data + at, 2); /* Changes only the operands. */
		memcpy(data + at, &step, sizeof(step));
		return size;
	case 5:
		return LLVMFuzzerMutate(data, size, capacity);
	default:
		break;
	}
	if (count >= FORGE_STEPS_MAX || size + sizeof(step) > capacity)
		return size;
	memmove(data + at + sizeof(step), data + at, size - at);
	memcpy(data + at, &step, sizeof(step));
	return size + sizeof(step);
}
