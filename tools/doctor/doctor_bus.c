/* SPDX-License-Identifier: MIT
 * Asks systemd-logind over D-Bus, by sd-bus of libsystemd. The library is loaded when it is needed:
 * of all commands only the doctor needs it, and machines without systemd do not have it. */
#include "tools/doctor/doctor_bus.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Microseconds. */
#define BUS_PATIENCE 2000000

/* The functions of sd-bus(3) that are used, all in libsystemd since version 240. */
struct bus_library {
	int (*open_system)(void **ret);
	int (*set_method_call_timeout)(void *bus, uint64_t microseconds);
	int (*get_property_trivial)(void *bus, const char *destination, const char *path,
	                            const char *interface, const char *member, void *ret_error,
	                            char type, void *ret);
	void *(*flush_close_unref)(void *bus);
};

/* Stores the address of a function in a member of struct bus_library. Returns false if the library
 * does not have the function. */
static bool bus_find(void *library, const char *name, void *member)
{
	void *address = dlsym(library, name);

	memcpy(member, &address, sizeof(address));
	return address != NULL;
}

static bool bus_ask(const struct bus_library *sd, bool *ret)
{
	int answer, result;
	void *bus;

	if (sd->open_system(&bus) < 0)
		return false;
	sd->set_method_call_timeout(bus, BUS_PATIENCE);
	result = sd->get_property_trivial(bus, "org.freedesktop.login1", "/org/freedesktop/login1",
	                                  "org.freedesktop.login1.Manager", "RemoveIPC", NULL, 'b',
	                                  &answer);
	sd->flush_close_unref(bus);
	if (result >= 0)
		*ret = answer;
	return result >= 0;
}

bool doctor_bus_remove_ipc(bool *ret)
{
	void *library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	struct bus_library sd;
	bool answered;

	if (!library)
		return false;
	answered =
		bus_find(library, "sd_bus_open_system", &sd.open_system) &&
		bus_find(library, "sd_bus_set_method_call_timeout", &sd.set_method_call_timeout) &&
		bus_find(library, "sd_bus_get_property_trivial", &sd.get_property_trivial) &&
		bus_find(library, "sd_bus_flush_close_unref", &sd.flush_close_unref) &&
		bus_ask(&sd, ret);
	dlclose(library);
	return answered;
}
